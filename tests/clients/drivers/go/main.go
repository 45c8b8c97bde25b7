// Drives go-stomp over a WebSocket of coder/websocket; support/client.mjs tells what it is asked and what it tells.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3"
	"github.com/go-stomp/stomp/v3/frame"
)

// command is one line of standard input.
type command struct {
	Do          string
	URL         string
	Versions    []stomp.Version
	HeartBeat   [2]int
	ID          string
	Destination string
	Headers     map[string]string
	Message     string
	Receipt     string
}

type details map[string]any

var output sync.Mutex

func emit(event string, more details) {
	output.Lock()
	defer output.Unlock()
	line := details{"event": event}
	for name, value := range more {
		line[name] = value
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}

// watched tells when the connection ends: go-stomp doesn't.
type watched struct {
	net.Conn
	once sync.Once
}

func (w *watched) Read(into []byte) (int, error) {
	read, err := w.Conn.Read(into)
	if err != nil {
		w.once.Do(func() {
			more := details{}
			if code := websocket.CloseStatus(err); code >= 0 {
				more["code"] = code
			}
			emit("closed", more)
		})
	}
	return read, err
}

type driver struct {
	connection    *stomp.Conn
	subscriptions map[string]*stomp.Subscription
	lock          sync.Mutex
	messages      map[string]*stomp.Message
}

func (d *driver) connect(c command) error {
	var protocols []string
	for _, version := range c.Versions {
		protocols = append(protocols, fmt.Sprintf("v%c%c.stomp", version[0], version[2]))
	}
	ctx := context.Background()
	socket, _, err := websocket.Dial(ctx, c.URL, &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		return err
	}
	interval := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	d.subscriptions = map[string]*stomp.Subscription{}
	d.messages = map[string]*stomp.Message{}
	d.connection, err = stomp.Connect(
		&watched{Conn: websocket.NetConn(ctx, socket, websocket.MessageText)},
		stomp.ConnOpt.AcceptVersion(c.Versions...),
		stomp.ConnOpt.HeartBeat(interval(c.HeartBeat[0]), interval(c.HeartBeat[1])),
		// It beats so much earlier, and waits for the server's beat so much longer.
		stomp.ConnOpt.HeartBeatError(interval(c.HeartBeat[0]/2)),
	)
	if err == nil {
		emit("connected", details{"version": d.connection.Version()})
	}
	return err
}

// subscribe asks for no receipt: go-stomp takes one for the end of the subscription.
func (d *driver) subscribe(c command) error {
	options := []func(*frame.Frame) error{stomp.SubscribeOpt.Id(c.ID)}
	mode := stomp.AckAuto
	for name, value := range c.Headers {
		if name == "ack" && value == "client-individual" {
			mode = stomp.AckClientIndividual
			continue
		}
		options = append(options, stomp.SubscribeOpt.Header(name, value))
	}
	subscription, err := d.connection.Subscribe(c.Destination, mode, options...)
	if err == nil {
		d.subscriptions[c.ID] = subscription
		go d.tell(subscription)
	}
	return err
}

func (d *driver) tell(subscription *stomp.Subscription) {
	for message := range subscription.C {
		// What go-stomp makes of a lost connection has no body.
		if message.Err != nil && len(message.Body) > 0 {
			emit("error", details{"message": message.Header.Get("message"), "body": string(message.Body)})
		}
		if message.Err != nil {
			continue
		}
		d.lock.Lock()
		d.messages[message.Header.Get("message-id")] = message
		d.lock.Unlock()
		headers := map[string]string{}
		for i := range message.Header.Len() {
			name, value := message.Header.GetAt(i)
			headers[name] = value
		}
		emit("message", details{"subscription": subscription.Id(), "headers": headers, "body": string(message.Body)})
	}
}

// unsubscribe comes back after the receipt, which go-stomp names as the subscription.
func (d *driver) unsubscribe(c command) error {
	err := d.subscriptions[c.ID].Unsubscribe()
	if err == nil {
		emit("receipt", details{"id": c.ID})
	}
	return err
}

func (d *driver) acknowledge(c command) error {
	d.lock.Lock()
	message := d.messages[c.Message]
	d.lock.Unlock()
	return d.connection.Ack(message)
}

// disconnect comes back after the receipt, for which go-stomp has a name of its own.
func (d *driver) disconnect(c command) error {
	err := d.connection.Disconnect()
	if err == nil {
		emit("receipt", details{"id": c.Receipt})
	}
	return err
}

func main() {
	d := &driver{}
	do := map[string]func(command) error{
		"connect":     d.connect,
		"subscribe":   d.subscribe,
		"unsubscribe": d.unsubscribe,
		"acknowledge": d.acknowledge,
		"disconnect":  d.disconnect,
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		err := json.Unmarshal(lines.Bytes(), &c)
		if err == nil {
			err = do[c.Do](c)
		}
		if err != nil {
			emit("failed", details{"reason": err.Error()})
		}
	}
}
