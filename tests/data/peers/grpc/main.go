// grpc serve PORT | call PORT: a gRPC server, and a caller with a connection of its own (grpc-go).
//
// The caller reads calls from standard input, a line each: NUMBER KIND SIZES TIMEOUT_MS CANCEL. SIZES are those of the
// messages it sends, joined by commas; "-" is none. It answers each with a line: NUMBER CODE SIZES PORT, the sizes of what
// it got and the port by which the server knows it (0: the server did not say). All calls are under way at once.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

var statuses = []codes.Code{codes.NotFound, codes.InvalidArgument, codes.Internal, codes.Unauthenticated, codes.Unavailable}

// Messages are bytes.
type raw struct{}

func (raw) Name() string                        { return "proto" }
func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = bytes.Clone(data)
	return nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// What a call /test.KIND/DoNUMBER is answered with follows from its kind and number.
func answer(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	kind, name, _ := strings.Cut(strings.TrimPrefix(method, "/test."), "/Do")
	number, _ := strconv.Atoi(name)
	if kind == "Nowhere" {
		return status.Error(codes.Unimplemented, "no such service")
	}
	from, _ := peer.FromContext(stream.Context())
	_, port, _ := net.SplitHostPort(from.Addr.String())
	note := metadata.Pairs("x-port", port)
	stream.SetTrailer(note)
	if kind != "Error" { // it is answered by trailers alone
		must(stream.SetHeader(note))
	}
	send := func(size int) { data := bytes.Repeat([]byte("a"), size); stream.SendMsg(&data) }
	total := 0
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		total += len(message)
		if kind == "Chat" {
			send(2 * len(message))
		}
	}
	switch kind {
	case "Unary":
		send(50 + number)
	case "Empty":
		send(0)
	case "Slow":
		time.Sleep(300 * time.Millisecond)
		send(4)
	case "Error":
		return status.Error(statuses[number%len(statuses)], fmt.Sprintf("no %d ü %%", number))
	case "Late":
		send(50 + number)
		return status.Error(codes.DataLoss, "after one")
	case "Listen":
		for i := range number % 7 {
			send(50 + number + 1000*i)
		}
	case "Upload":
		send(len(strconv.Itoa(total)))
	}
	return nil
}

func call(connection *grpc.ClientConn, line string) string {
	words := strings.Fields(line)
	number, kind, sizes := words[0], words[1], words[2]
	timeout, _ := strconv.Atoi(words[3])
	cancels := words[4] == "1"
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(timeout)*time.Millisecond)
		defer cancel()
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer secret-"+number, "x-id", number)
	many := kind == "Upload" || kind == "Chat"
	form := &grpc.StreamDesc{ClientStreams: many, ServerStreams: kind == "Listen" || kind == "Late" || kind == "Chat"}
	got := []string{}
	stream, err := connection.NewStream(ctx, form, "/test."+kind+"/Do"+number)
	if err == nil {
		for _, size := range strings.Split(strings.TrimPrefix(sizes, "-"), ",") {
			if length, bad := strconv.Atoi(size); bad == nil {
				data := bytes.Repeat([]byte("r"), length)
				stream.SendMsg(&data)
			}
		}
		stream.CloseSend()
		for err == nil {
			var message []byte
			if err = stream.RecvMsg(&message); err != nil {
				break
			}
			got = append(got, strconv.Itoa(len(message)))
			if cancels {
				cancel()
			}
			if !form.ServerStreams { // the status came with it
				break
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	port := "0"
	if stream != nil {
		if head, bad := stream.Header(); bad == nil && len(head.Get("x-port")) > 0 {
			port = head.Get("x-port")[0]
		} else if found := stream.Trailer().Get("x-port"); len(found) > 0 {
			port = found[0]
		}
	}
	return fmt.Sprintf("%s %d %s %s", number, status.Code(err), "-"+strings.Join(got, ","), port)
}

func main() {
	if os.Args[1] == "serve" {
		listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
		must(err)
		must(grpc.NewServer(grpc.UnknownServiceHandler(answer), grpc.ForceServerCodec(raw{})).Serve(listener))
		return
	}
	connection, err := grpc.NewClient("127.0.0.1:"+os.Args[2], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	must(err)
	var under sync.WaitGroup
	var writing sync.Mutex
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		line := lines.Text()
		under.Add(1)
		go func() {
			defer under.Done()
			said := call(connection, line)
			writing.Lock()
			fmt.Println(said)
			writing.Unlock()
		}()
	}
	under.Wait()
	connection.Close()
}
