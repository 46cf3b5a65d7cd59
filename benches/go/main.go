// The agent of golang.org/x/crypto, as programs in Go have it inside: one keyring, one goroutine per
// connection. Usage: goagent SOCKET
package main

import (
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh/agent"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	keyring := agent.NewKeyring()
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			_ = agent.ServeAgent(keyring, conn)
		}()
	}
}
