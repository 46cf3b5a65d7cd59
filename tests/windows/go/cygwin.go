package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// dialCygwin connects as Cygwin's connect(2) does for a local socket: the file names a port of the loopback and a
// secret; each side shows the secret, the client first, and then who it is.
func dialCygwin(file string) (io.ReadWriteCloser, error) {
	if err := isSystemFile(file); err != nil {
		return nil, err
	}
	text, err := readShared(file)
	if err != nil {
		return nil, err
	}
	var port uint16
	var parts [4]uint32
	line := string(bytes.TrimRight(text, "\x00"))
	_, err = fmt.Sscanf(line, "!<socket >%d s %8X-%8X-%8X-%8X", &port, &parts[0], &parts[1], &parts[2], &parts[3])
	if err != nil {
		return nil, fmt.Errorf("%s: %q: %w", file, line, err)
	}
	secret := make([]byte, 16)
	for i, part := range parts {
		binary.LittleEndian.PutUint32(secret[4*i:], part)
	}
	stream, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	if err := shakeHands(stream, secret); err != nil {
		stream.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return stream, nil
}

// readShared reads as Cygwin does, which leaves every right to whoever else has the file open.
func readShared(file string) ([]byte, error) {
	name, err := syscall.UTF16PtrFromString(file)
	if err != nil {
		return nil, err
	}
	const everything = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | 4 // FILE_SHARE_DELETE
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ, everything, nil, syscall.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	opened := os.NewFile(uintptr(handle), file)
	defer opened.Close()
	return io.ReadAll(opened)
}

func shakeHands(stream io.ReadWriter, secret []byte) error {
	if _, err := stream.Write(secret); err != nil {
		return err
	}
	answer := make([]byte, len(secret))
	if _, err := io.ReadFull(stream, answer); err != nil {
		return err
	}
	if !bytes.Equal(answer, secret) {
		return errors.New("the other side has another secret")
	}
	// Process, user and group, as Cygwin numbers them.
	var who [12]byte
	binary.LittleEndian.PutUint32(who[0:], uint32(os.Getpid()))
	binary.LittleEndian.PutUint32(who[4:], 197609)
	binary.LittleEndian.PutUint32(who[8:], 197121)
	if _, err := stream.Write(who[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(stream, who[:])
	return err
}

// isSystemFile is what Cygwin asks first: a file without that attribute is a plain file to it.
func isSystemFile(file string) error {
	name, err := syscall.UTF16PtrFromString(file)
	if err != nil {
		return err
	}
	attributes, err := syscall.GetFileAttributes(name)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if attributes&syscall.FILE_ATTRIBUTE_SYSTEM == 0 {
		return fmt.Errorf("%s: not a system file, attributes %#x", file, attributes)
	}
	return nil
}
