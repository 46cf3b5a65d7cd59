// A client of another hand for the agent on Windows: Go's golang.org/x/crypto/ssh/agent, by a named pipe or by the
// socket file that Cygwin's programs and Git for Windows use. What it does is in `usage`; it says what it has done,
// a line each, and then what the server said.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const usage = `client pageant
    prints the name of the pipe on which PuTTY looks for an agent
client WAY PLACE add COMMENT
    makes a key that is nowhere else, and prints its line for authorized_keys
client WAY PLACE remove KEY
client WAY PLACE use KEY HOST:PORT USER HOSTKEY
    lists, signs, logs in
WAY is pipe or cygwin; KEY and HOSTKEY are public keys in base64`

func main() {
	err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "pageant" {
		name, err := pageantPipe()
		fmt.Println(name)
		return err
	}
	if len(args) < 4 {
		return errors.New(usage)
	}
	stream, err := open(args[0], args[1])
	if err != nil {
		return err
	}
	defer stream.Close()
	client := agent.NewClient(stream)
	switch {
	case args[2] == "add" && len(args) == 4:
		return add(client, args[3])
	case args[2] == "remove" && len(args) == 4:
		return remove(client, args[3])
	case args[2] == "use" && len(args) == 7:
		return use(client, args[3], args[4], args[5], args[6])
	}
	return errors.New(usage)
}

func open(way, place string) (io.ReadWriteCloser, error) {
	switch way {
	case "pipe":
		return os.OpenFile(place, os.O_RDWR, 0)
	case "cygwin":
		return dialCygwin(place)
	}
	return nil, errors.New(usage)
}

func add(client agent.Agent, comment string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	err = client.Add(agent.AddedKey{PrivateKey: private, Comment: comment})
	if err != nil {
		return fmt.Errorf("add: %w", err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s\n", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), comment)
	return nil
}

func remove(client agent.Agent, key string) error {
	public, err := parse(key)
	if err != nil {
		return err
	}
	return client.Remove(public)
}

func use(client agent.ExtendedAgent, key, server, user, hostKey string) error {
	public, err := parse(key)
	if err != nil {
		return err
	}
	host, err := parse(hostKey)
	if err != nil {
		return err
	}
	signer, err := find(client, public)
	if err != nil {
		return err
	}
	fmt.Println("list")
	data := []byte("what is to be signed")
	signature, err := client.Sign(public, data)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if err := public.Verify(data, signature); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	fmt.Println("sign")
	return logIn(signer, server, user, host)
}

func find(client agent.Agent, public ssh.PublicKey) (ssh.Signer, error) {
	signers, err := client.Signers()
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	for _, signer := range signers {
		if bytes.Equal(signer.PublicKey().Marshal(), public.Marshal()) {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("list: %d keys, and not the one asked for", len(signers))
}

func logIn(signer ssh.Signer, server, user string, host ssh.PublicKey) error {
	client, err := ssh.Dial("tcp", server, &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(host),
	})
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	said, err := session.Output("true")
	fmt.Printf("%s", said)
	return err
}

func parse(text string) (ssh.PublicKey, error) {
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return ssh.ParsePublicKey(blob)
}
