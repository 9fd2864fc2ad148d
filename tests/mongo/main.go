// Copyright (C) Ficus authors

// Ferretdb is the server of the tests that speaks MongoDB's protocol: FerretDB
// over SQLite files in DIRECTORY.  It prints its URI and runs until it is told
// to stop.  Usage: ferretdb DIRECTORY [ADDRESS]
//
// FerretDB 1 reads a document and writes it back as two steps, so that two
// conditional updates at once can both succeed.  MongoDB's update of a document
// is atomic, and Ficus is built on that; so one command at a time gets through.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const maxMessage = 48 * 1000 * 1000

var command sync.Mutex

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		log.Fatal("usage: ferretdb DIRECTORY [ADDRESS]")
	}

	address := "127.0.0.1:0"
	if len(os.Args) == 3 {
		address = os.Args[2]
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt,
		syscall.SIGTERM)
	defer stop()

	front, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}

	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[1] + "/",
	})
	if err != nil {
		log.Fatal(err)
	}

	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()

	uri, err := url.Parse(server.MongoDBURI())
	if err != nil {
		log.Fatal(err)
	}

	go accept(front, uri.Host)
	fmt.Printf("mongodb://%s/\n", front.Addr())

	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}

func accept(front net.Listener, server string) {
	for {
		client, err := front.Accept()
		if err != nil {
			log.Fatal(err)
		}

		go serve(client, server)
	}
}

func serve(client net.Conn, server string) {
	defer client.Close()

	backend, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer backend.Close()

	for {
		request, err := message(client)
		if err != nil {
			return
		}

		reply, err := answer(backend, request)
		if err != nil {
			return
		}

		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func answer(backend net.Conn, request []byte) ([]byte, error) {
	command.Lock()
	defer command.Unlock()

	if _, err := backend.Write(request); err != nil {
		return nil, err
	}

	return message(backend)
}

// message reads one message: its length comes first and counts itself.
func message(from io.Reader) ([]byte, error) {
	var head [4]byte

	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}

	length := binary.LittleEndian.Uint32(head[:])
	if length < 16 || length > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}

	text := make([]byte, length)
	copy(text, head[:])

	if _, err := io.ReadFull(from, text[4:]); err != nil {
		return nil, err
	}

	return text, nil
}
