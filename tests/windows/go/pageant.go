package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os/user"
	"strings"
	"syscall"
	"unsafe"
)

const (
	blockSize    = 16 // CRYPTPROTECTMEMORY_BLOCK_SIZE
	crossProcess = 1  // CRYPTPROTECTMEMORY_CROSS_PROCESS
)

// pageantPipe is the name that PuTTY 0.75 and later works out: no other user can tell it before the pipe is there.
func pageantPipe() (string, error) {
	current, err := user.Current()
	if err != nil {
		return "", err
	}
	name := current.Username[strings.LastIndex(current.Username, `\`)+1:]
	block := make([]byte, blockSize)
	copy(block, "Pageant")
	protect := syscall.NewLazyDLL("crypt32.dll").NewProc("CryptProtectMemory")
	if ok, _, err := protect.Call(uintptr(unsafe.Pointer(&block[0])), blockSize, crossProcess); ok == 0 {
		return "", fmt.Errorf("CryptProtectMemory: %w", err)
	}
	hashed := binary.BigEndian.AppendUint32(nil, blockSize)
	sum := sha256.Sum256(append(hashed, block...))
	return fmt.Sprintf(`\\.\pipe\pageant.%s.%s`, name, hex.EncodeToString(sum[:])), nil
}
