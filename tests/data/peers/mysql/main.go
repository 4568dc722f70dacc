// mysql serve PORT SOCKET | drive PORT USER FIRST COUNT [PARAMETER=VALUE...]: a second server of MySQL's protocol
// (go-mysql-server) and a second driver (go-sql-driver).
//
// The server listens on PORT and, where it takes the connection for one of a Unix socket, on PORT + 1: only there does it do
// MySQL 8's authentication without TLS. The driver's statements are numbered from FIRST; for each exchange it prints a line of
// JSON: what it sent, and what it got.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	enginesql "github.com/dolthub/go-mysql-server/sql"
	"github.com/go-sql-driver/mysql"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func certificate() tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	made := must(x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key))
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

func relay(listener net.Listener, socket string) {
	for {
		client := must(listener.Accept())
		inside := must(net.Dial("unix", socket))
		go func() { io.Copy(inside, client); inside.Close() }()
		go func() { io.Copy(client, inside); client.Close() }()
	}
}

// Users are kept in memory alone.
type forgetful struct{}

func (forgetful) Persist(*enginesql.Context, []byte) error { return nil }

func serve(port int, socket string) {
	provider := memory.NewDBProvider(memory.NewDatabase("shop"))
	engine := sqle.NewDefault(provider)
	engine.Analyzer.Catalog.MySQLDb.AddRootAccount()
	engine.Analyzer.Catalog.MySQLDb.SetPersister(forgetful{})
	listen := func(config server.Config) {
		made := must(server.NewServer(config, engine, enginesql.NewContext, memory.NewSessionBuilder(provider), nil))
		go made.Start()
	}
	within := must(net.Listen("unix", socket))
	listen(server.Config{Listener: within, AllowClearTextWithoutTLS: true})
	go relay(must(net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))), socket)
	listen(server.Config{Protocol: "tcp", Address: fmt.Sprintf("127.0.0.1:%d", port),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate()}}})
	select {}
}

type driver struct {
	connection *sql.Conn
	port       int
}

func (d *driver) log(number int, command string, text any, answer map[string]any, err error) {
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		answer = map[string]any{"error": refused.Number, "state": string(refused.SQLState[:])}
	} else if err != nil {
		log.Fatal(text, err)
	}
	fmt.Println(string(must(json.Marshal(map[string]any{"port": d.port, "id": number, "command": command, "text": text,
		"answer": answer}))))
}

func counted(rows *sql.Rows, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	count, sets := 0, 1
	for {
		for rows.Next() {
			count++
		}
		if !rows.NextResultSet() {
			return map[string]any{"rows": count, "result_sets": sets}, rows.Err()
		}
		sets++
	}
}

func changed(result sql.Result, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"affected": must(result.RowsAffected())}, nil
}

func (d *driver) query(number int, text string) {
	answer, err := counted(d.connection.QueryContext(context.Background(), text))
	d.log(number, "COM_QUERY", text, answer, err)
}

func (d *driver) exec(number int, text string) {
	answer, err := changed(d.connection.ExecContext(context.Background(), text))
	d.log(number, "COM_QUERY", text, answer, err)
}

func (d *driver) prepared(number int, text string, values ...any) {
	statement, err := d.connection.PrepareContext(context.Background(), text)
	d.log(number, "COM_STMT_PREPARE", text, map[string]any{}, err)
	if err != nil {
		return
	}
	var answer map[string]any
	if strings.HasPrefix(text, "SELECT") {
		answer, err = counted(statement.Query(values...))
	} else {
		answer, err = changed(statement.Exec(values...))
	}
	d.log(number, "COM_STMT_EXECUTE", text, answer, err)
	statement.Close()
	d.log(number, "COM_STMT_CLOSE", text, nil, nil)
}

func drive(port, first, count int, user string, parameters []string) {
	d := driver{}
	mysql.RegisterDialContext("unix", func(ctx context.Context, address string) (net.Conn, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			d.port = connection.LocalAddr().(*net.TCPAddr).Port
		}
		return connection, err
	})
	ctx := context.Background()
	db := must(sql.Open("mysql", fmt.Sprintf("%s@unix(127.0.0.1:%d)/shop?%s", user, port, strings.Join(parameters, "&"))))
	connection, err := db.Conn(ctx)
	d.connection = connection
	d.log(0, "CONNECT", nil, map[string]any{}, err)
	if err != nil {
		return
	}
	for number := first; number < first+count; number++ {
		rows := number%37 + 1
		d.query(number, fmt.Sprintf("SELECT id, name, %d AS n FROM item WHERE id <= %d", number, rows))
		d.prepared(number, fmt.Sprintf("SELECT id, %d FROM item WHERE id <= ? AND name <> ?", number), rows, fmt.Sprint("secret ", number))
		d.query(number, fmt.Sprintf("SELECT * FROM nothing_%d", number))
		d.prepared(number, fmt.Sprintf("UPDATE item SET name = ? WHERE id BETWEEN 50 AND 50 + %d", number%20), fmt.Sprint("new ", number))
		d.exec(number, fmt.Sprintf("UPDATE item SET data = 'd%d' WHERE id <= %d", number, rows))
		switch number % 5 {
		case 0:
			d.log(number, "COM_PING", nil, map[string]any{}, connection.PingContext(ctx))
		case 1:
			d.query(number, fmt.Sprintf("SELECT id FROM item WHERE id <= %d; SELECT %d", rows, number))
		case 2:
			under, err := connection.BeginTx(ctx, nil)
			d.log(number, "COM_QUERY", "START TRANSACTION", map[string]any{}, err)
			d.exec(number, fmt.Sprintf("INSERT INTO item (id, name) VALUES (%d, 'x')", 1000+number))
			d.log(number, "COM_QUERY", "COMMIT", map[string]any{}, under.Commit())
		case 3:
			d.exec(number, fmt.Sprintf("INSERT INTO item (id, name) VALUES (%d, 'x')", number%40+1))
		}
	}
	connection.Close()
	db.Close()
	d.log(0, "COM_QUIT", nil, nil, nil)
}

func main() {
	number := func(at int) int { return must(strconv.Atoi(os.Args[at])) }
	if os.Args[1] == "serve" {
		serve(number(2), os.Args[3])
	} else {
		drive(number(2), number(4), number(5), os.Args[3], os.Args[6:])
	}
}
