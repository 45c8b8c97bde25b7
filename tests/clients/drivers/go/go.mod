module tickcast.io/tests/driver

go 1.23.0

require (
	github.com/coder/websocket v1.8.15
	github.com/go-stomp/stomp/v3 v3.1.5
)
