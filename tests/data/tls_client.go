// tls_client CERTIFICATE KEY: handshakes of Go's crypto/tls for record-tls, with nginx (4431 to 4436) and with a server of its
// own (4441, and 4442 that wants a certificate). One line of JSON for each: what the client library says of it.
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

type answer struct {
	Version      string  `json:"version,omitempty"`
	Cipher       string  `json:"cipher,omitempty"`
	Resumed      *bool   `json:"resumed,omitempty"`
	NextProtocol *string `json:"next_protocol,omitempty"`
	Error        string  `json:"error,omitempty"`
}

type line struct {
	Shape      string   `json:"shape"`
	Client     string   `json:"client"`
	Server     string   `json:"server"`
	ServerName string   `json:"server_name"`
	Alpn       []string `json:"alpn"`
	Response   answer   `json:"response"`
}

type shape struct {
	name     string
	port     int
	count    int
	versions [2]uint16
	alpn     []string
	ciphers  []uint16
	curves   []tls.CurveID
	resumes  bool
	trusts   bool // only what a real authority has signed
	error    string
}

var (
	lock  sync.Mutex
	names int
	out   = json.NewEncoder(os.Stdout)
)

func check(failure error) {
	if failure != nil {
		panic(failure)
	}
}

func newName() string {
	lock.Lock()
	defer lock.Unlock()
	names++
	return fmt.Sprintf("go%d.example.test", names)
}

var versions = map[uint16]string{tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1", tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}

func (s shape) shake(cache tls.ClientSessionCache) {
	config := &tls.Config{MinVersion: s.versions[0], MaxVersion: s.versions[1], NextProtos: s.alpn, CipherSuites: s.ciphers,
		CurvePreferences: s.curves, InsecureSkipVerify: !s.trusts, ServerName: newName(), ClientSessionCache: cache}
	name := config.ServerName
	if cache != nil { // whose sessions are kept by name
		name = s.name[:3] + "-resumed.example.test"
		config.ServerName = name
	}
	plain, failure := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	check(failure)
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(20 * time.Second))
	said := line{s.name, plain.LocalAddr().String(), plain.RemoteAddr().String(), name, append([]string{}, s.alpn...), answer{}}
	connection := tls.Client(plain, config)
	if failure := connection.Handshake(); failure != nil {
		said.Response.Error = s.error
		if at := strings.LastIndex(failure.Error(), "remote error: tls: "); at >= 0 {
			said.Response.Error = strings.ReplaceAll(failure.Error()[at+len("remote error: tls: "):], " ", "_")
		}
		if said.Response.Error == "" {
			panic(failure)
		}
	} else {
		state := connection.ConnectionState()
		said.Response = answer{versions[state.Version], tls.CipherSuiteName(state.CipherSuite), &state.DidResume, nil, ""}
		if state.NegotiatedProtocol != "" {
			said.Response.NextProtocol = &state.NegotiatedProtocol
		}
		if s.resumes { // tickets of TLS 1.3 come behind the handshake
			connection.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
			io.Copy(io.Discard, connection)
		}
		connection.Close()
	}
	lock.Lock()
	defer lock.Unlock()
	check(out.Encode(said))
}

func serve(port int, wants tls.ClientAuthType) {
	certificate, failure := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	check(failure)
	listener, failure := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port),
		&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10, ClientAuth: wants,
			NextProtos: []string{"echo"}})
	check(failure)
	go func() {
		for {
			connection, failure := listener.Accept()
			check(failure)
			go func() {
				defer connection.Close()
				if failure := connection.(*tls.Conn).Handshake(); failure == nil || errors.Is(failure, io.EOF) {
					connection.Read(make([]byte, 100))
				}
			}()
		}
	}()
}

func main() {
	serve(4441, tls.NoClientCert)
	serve(4442, tls.RequireAnyClientCert)
	v10, v11, v12, v13 := uint16(tls.VersionTLS10), uint16(tls.VersionTLS11), uint16(tls.VersionTLS12), uint16(tls.VersionTLS13)
	small := []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	shapes := []shape{
		{name: "Go 1.3", port: 4436, count: 170, versions: [2]uint16{v12, v13}, curves: small, alpn: []string{"http/1.1"}},
		{name: "Go 1.2", port: 4436, count: 150, versions: [2]uint16{v12, v12}, curves: small, alpn: []string{"http/1.1"}},
		{name: "Go 1.3, large key share", port: 4436, count: 20, versions: [2]uint16{v13, v13}},
		{name: "Go CBC", port: 4436, count: 40, versions: [2]uint16{v12, v12}, curves: small,
			ciphers: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}},
		{name: "1.3 PSK", port: 4431, count: 140, versions: [2]uint16{v13, v13}, curves: small, resumes: true},
		{name: "1.2 ticket", port: 4431, count: 140, versions: [2]uint16{v12, v12}, curves: small, resumes: true},
		{name: "Go HelloRetryRequest", port: 4433, count: 60, versions: [2]uint16{v13, v13}, curves: small},
		{name: "Go 1.0", port: 4441, count: 30, versions: [2]uint16{v10, v10}, curves: small},
		{name: "Go 1.1", port: 4441, count: 30, versions: [2]uint16{v11, v11}, curves: small, alpn: []string{"echo"}},
		{name: "Go 1.2 there", port: 4441, count: 30, versions: [2]uint16{v10, v12}, curves: small, alpn: []string{"h2", "echo"}},
		{name: "Go 1.3 there", port: 4441, count: 40, versions: [2]uint16{v10, v13}, curves: small, alpn: []string{"echo"}},
		{name: "Go name refused", port: 4434, count: 20, versions: [2]uint16{v12, v13}, curves: small},
		{name: "Go version refused", port: 4433, count: 20, versions: [2]uint16{v10, v12}, curves: small},
		{name: "Go protocol refused", port: 4441, count: 20, versions: [2]uint16{v12, v13}, curves: small, alpn: []string{"nothing"}},
		{name: "Go wants a certificate, 1.2", port: 4442, count: 20, versions: [2]uint16{v12, v12}, curves: small},
		{name: "Go certificate refused, 1.2", port: 4432, count: 20, versions: [2]uint16{v12, v12}, curves: small, trusts: true,
			error: "bad_certificate"},
		{name: "Go certificate refused, 1.3", port: 4433, count: 20, versions: [2]uint16{v13, v13}, curves: small, trusts: true,
			error: "encrypted"},
	}
	var all sync.WaitGroup
	for _, s := range shapes {
		all.Add(1)
		go func() {
			defer all.Done()
			var cache tls.ClientSessionCache
			if s.resumes {
				cache = tls.NewLRUClientSessionCache(8)
			}
			for range s.count {
				s.shake(cache)
			}
		}()
	}
	all.Wait()
}
