// postgresql PORT FIRST COUNT MODE: pgx as a client of PostgreSQL. MODE is how it executes: cached, described, exec, simple.
//
// For each exchange that it asked for it prints a line of JSON: what it sent, and what it got. What it does by itself, as
// describing a statement, is not told.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var modes = map[string]pgx.QueryExecMode{"cached": pgx.QueryExecModeCacheStatement, "described": pgx.QueryExecModeDescribeExec,
	"exec": pgx.QueryExecModeExec, "simple": pgx.QueryExecModeSimpleProtocol}

type driver struct {
	connection *pgx.Conn
	message    string
	port       int
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (d *driver) log(number int, message, text string, rows any, tag string, err error) {
	answer := map[string]any{}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		answer["error"], answer["message"] = refused.Code, refused.Message
	} else {
		check(err)
		answer["tag"] = tag
		if rows != nil {
			answer["rows"] = rows
		}
	}
	line, err := json.Marshal(map[string]any{"port": d.port, "id": number, "message": message, "text": text, "answer": answer})
	check(err)
	fmt.Println(string(line))
}

func (d *driver) read(number int, message, text string, rows pgx.Rows) {
	count := 0
	for rows.Next() {
		count++
	}
	d.log(number, message, text, count, rows.CommandTag().String(), rows.Err())
}

func (d *driver) query(number int, text string, values ...any) {
	rows, _ := d.connection.Query(context.Background(), text, values...)
	d.read(number, d.message, text, rows)
}

func main() {
	ctx := context.Background()
	first, _ := strconv.Atoi(os.Args[2])
	count, _ := strconv.Atoi(os.Args[3])
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://recorder@127.0.0.1:%s/postgres?sslmode=disable", os.Args[1]))
	check(err)
	config.DefaultQueryExecMode = modes[os.Args[4]]
	d := driver{message: "execute"}
	if os.Args[4] == "simple" {
		d.message = "simple"
	}
	d.connection, err = pgx.ConnectConfig(ctx, config)
	check(err)
	d.port = d.connection.PgConn().Conn().LocalAddr().(*net.TCPAddr).Port
	failing := d.message
	if os.Args[4] == "cached" || os.Args[4] == "described" {
		failing = "describe" // it gets no further
	}
	tag, err := d.connection.Exec(ctx, "CREATE TEMPORARY TABLE t (id int PRIMARY KEY, v text)")
	d.log(0, "simple", "CREATE TEMPORARY TABLE t (id int PRIMARY KEY, v text)", nil, tag.String(), err)
	for number := first; number < first+count; number++ {
		if d.message == "simple" { // it puts the values into the text
			d.query(number, fmt.Sprintf("SELECT g, 'n%d' FROM generate_series(1, %d) g", number, number%50))
		} else {
			d.query(number, fmt.Sprintf("SELECT g, 'n%d', $2::text FROM generate_series(1, $1::int) g", number), number%50, "secret")
			d.query(number, "SELECT g FROM generate_series(1, $1::int) g", number%20)
		}
		text := fmt.Sprintf("SELECT %d FROM nowhere", number)
		rows, _ := d.connection.Query(ctx, text)
		d.read(number, failing, text, rows)
		if number%4 == 0 && d.message == "execute" { // a pipeline
			batch := &pgx.Batch{}
			texts := []string{}
			for i := range number%5 + 2 {
				texts = append(texts, fmt.Sprintf("SELECT g, %d, 'b%d' FROM generate_series(1, $1::int) g", number, i))
				batch.Queue(texts[i], i+number%7)
			}
			results := d.connection.SendBatch(ctx, batch)
			for _, text := range texts {
				rows, _ := results.Query()
				d.read(number, d.message, text, rows)
			}
			check(results.Close())
		}
		if number%6 == 0 {
			rows := [][]any{}
			for i := range number % 30 {
				rows = append(rows, []any{100*number + i, "copied"})
			}
			copied, err := d.connection.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"id", "v"}, pgx.CopyFromRows(rows))
			d.log(number, "simple", `copy "t" ( "id", "v" ) from stdin binary;`, nil, fmt.Sprint("COPY ", copied), err)
		}
	}
	check(d.connection.Close(ctx))
}
