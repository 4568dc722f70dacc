// quic_client CERTIFICATE KEY: handshakes of quic-go for record-quic, with aioquic's servers (4441 to 4443) and with servers of
// its own (4444, and 4445 that sends a Retry). One line of JSON for each: what the client library says of it.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
)

type answer struct {
	Version string `json:"version,omitempty"`
	Cipher  string `json:"cipher,omitempty"`
	Resumed *bool  `json:"resumed,omitempty"`
	Error   string `json:"error,omitempty"`
}

type line struct {
	Shape      string   `json:"shape"`
	Client     string   `json:"client"`
	Server     string   `json:"server"`
	ServerName string   `json:"server_name"`
	Alpn       []string `json:"alpn"`
	Version    string   `json:"version"`
	Response   answer   `json:"response"`
}

type shape struct {
	name    string
	port    int
	count   int
	version quic.Version
	alpn    string
	large   bool // with a key share that takes a second datagram
	resumes bool
}

func check(failure error) {
	if failure != nil {
		panic(failure)
	}
}

var names int

func (s shape) shake(sessions tls.ClientSessionCache) {
	names++
	name := fmt.Sprintf("go%d.example.test", names)
	if s.resumes {
		name = "resumed.example.test"
	}
	config := &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: []string{s.alpn}, ClientSessionCache: sessions}
	if !s.large {
		config.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
	}
	socket, failure := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(failure)
	transport := &quic.Transport{Conn: socket}
	defer transport.Close()
	defer socket.Close()
	within, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port}
	said := line{s.name, socket.LocalAddr().String(), server.String(), name, []string{s.alpn}, "1", answer{}}
	if s.version == quic.Version2 {
		said.Version = "2"
	}
	connection, failure := transport.Dial(within, server, config, &quic.Config{Versions: []quic.Version{s.version}})
	var refused *quic.TransportError
	if errors.As(failure, &refused) {
		said.Response.Error = strconv.Itoa(int(refused.ErrorCode))
	} else {
		check(failure)
		if s.resumes { // its ticket comes behind the handshake
			time.Sleep(20 * time.Millisecond)
		}
		state := connection.ConnectionState().TLS
		said.Response = answer{"1.3", tls.CipherSuiteName(state.CipherSuite), &state.DidResume, ""}
		connection.CloseWithError(0, "")
	}
	check(json.NewEncoder(os.Stdout).Encode(said))
}

func serve(port int, retry bool) {
	certificate, failure := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	check(failure)
	socket, failure := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	check(failure)
	transport := &quic.Transport{Conn: socket, VerifySourceAddress: func(net.Addr) bool { return retry }}
	listener, failure := transport.Listen(&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h3"}},
		&quic.Config{Versions: []quic.Version{quic.Version1, quic.Version2}})
	check(failure)
	go func() {
		for {
			_, failure := listener.Accept(context.Background())
			check(failure)
		}
	}()
}

func main() {
	serve(4444, false)
	serve(4445, true)
	for _, s := range []shape{
		{"Go", 4444, 250, quic.Version1, "h3", false, false},
		{"Go, version 2", 4444, 60, quic.Version2, "h3", false, false},
		{"Go with aioquic", 4443, 120, quic.Version1, "h3", false, false},
		{"Go, ClientHello in two datagrams", 4444, 30, quic.Version1, "h3", true, false},
		{"Go, Retry", 4445, 30, quic.Version1, "h3", false, false},
		{"Go, protocol refused", 4444, 20, quic.Version1, "nothing", false, false},
		{"Go, resumed", 4444, 60, quic.Version1, "h3", false, true},
	} {
		var sessions tls.ClientSessionCache
		if s.resumes {
			sessions = tls.NewLRUClientSessionCache(8)
		}
		for range s.count {
			s.shake(sessions)
		}
	}
}
