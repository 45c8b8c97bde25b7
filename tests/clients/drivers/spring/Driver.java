import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.messaging.simp.stomp.ConnectionLostException;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.web.client.RestTemplate;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.WebSocketClient;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;
import org.springframework.web.socket.sockjs.client.RestTemplateXhrTransport;
import org.springframework.web.socket.sockjs.client.SockJsClient;
import org.springframework.web.socket.sockjs.client.Transport;
import org.springframework.web.socket.sockjs.client.WebSocketTransport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Drives Spring's WebSocketStompClient; support/client.mjs tells what it is asked and what it tells. */
public final class Driver extends StompSessionHandlerAdapter {
  private static final JsonMapper JSON = JsonMapper.shared();

  private final ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
  private final Map<String, StompSession.Subscription> subscriptions = new HashMap<>();
  private final Map<String, StompHeaders> messages = new ConcurrentHashMap<>();
  private WebSocketStompClient client;
  private volatile StompSession session;

  public static void main(String[] args) {
    Driver driver = new Driver();
    driver.scheduler.setDaemon(true);
    driver.scheduler.initialize();
    Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
    while (lines.hasNextLine()) {
      try {
        driver.perform(JSON.readTree(lines.nextLine()));
      } catch (RuntimeException error) {
        emit("failed", Map.of("reason", error.toString()));
      }
    }
    System.exit(0);
  }

  private void perform(JsonNode command) {
    switch (command.get("do").asString()) {
      case "connect" -> connect(command);
      case "subscribe" -> subscribe(command);
      case "unsubscribe" -> unsubscribe(command);
      case "acknowledge" -> acknowledge(command);
      case "disconnect" -> disconnect(command);
      default -> throw new IllegalArgumentException(command.toString());
    }
  }

  private void connect(JsonNode command) {
    List<String> versions = command.get("versions").valueStream().map(JsonNode::asString).toList();
    JsonNode heartBeat = command.get("heartBeat");
    client = new WebSocketStompClient(socketFor(command.get("transports")));
    client.setTaskScheduler(scheduler);
    client.setDefaultHeartbeat(new long[] {heartBeat.get(0).asLong(), heartBeat.get(1).asLong()});
    StompHeaders headers = new StompHeaders();
    headers.setAcceptVersion(versions.toArray(String[]::new));
    client
        .connectAsync(URI.create(command.get("url").asString()), new WebSocketHttpHeaders(), headers, this)
        .exceptionally(error -> {
          emit("failed", Map.of("reason", error.toString()));
          return null;
        });
  }

  /** Without transports a plain WebSocket, otherwise SockJS with just these. */
  private static WebSocketClient socketFor(JsonNode transports) {
    StandardWebSocketClient plain = new StandardWebSocketClient();
    if (transports == null) {
      return plain;
    }
    List<Transport> chosen = transports.valueStream().map(name -> transport(name.asString(), plain)).toList();
    return new SockJsClient(chosen);
  }

  private static Transport transport(String name, WebSocketClient plain) {
    if (name.equals("websocket")) {
      return new WebSocketTransport(plain);
    }
    RestTemplateXhrTransport xhr = new RestTemplateXhrTransport(new RestTemplate());
    xhr.setXhrStreamingDisabled(name.equals("xhr-polling"));
    return xhr;
  }

  private void subscribe(JsonNode command) {
    String id = command.get("id").asString();
    StompHeaders headers = new StompHeaders();
    headers.setId(id);
    headers.setDestination(command.get("destination").asString());
    JsonNode more = command.get("headers");
    if (more != null) {
      more.properties().forEach(header -> headers.set(header.getKey(), header.getValue().asString()));
    }
    JsonNode receipt = command.get("receipt");
    if (receipt != null) {
      headers.setReceipt(receipt.asString());
    }
    StompSession.Subscription subscription = session.subscribe(headers, new Teller(id));
    if (receipt != null) {
      subscription.addReceiptTask(
          answer -> emit("receipt", Map.of("id", receipt.asString(), "headers", answer.toSingleValueMap())));
    }
    subscriptions.put(id, subscription);
  }

  private final class Teller implements StompFrameHandler {
    private final String id;

    Teller(String id) {
      this.id = id;
    }

    @Override
    public Class<?> getPayloadType(StompHeaders headers) {
      return byte[].class;
    }

    @Override
    public void handleFrame(StompHeaders headers, Object payload) {
      messages.put(id + " " + headers.getMessageId(), headers);
      emit("message", Map.of("subscription", id, "headers", headers.toSingleValueMap(), "body", text(payload)));
    }
  }

  /** Spring sends the wish for a receipt, and keeps the receipt for itself. */
  private void unsubscribe(JsonNode command) {
    StompHeaders headers = new StompHeaders();
    headers.setReceipt(command.get("id").asString());
    subscriptions.remove(command.get("id").asString()).unsubscribe(headers);
  }

  private void acknowledge(JsonNode command) {
    String id = command.get("id").asString();
    StompHeaders message = messages.get(id + " " + command.get("message").asString());
    StompHeaders headers = new StompHeaders();
    if (message.getFirst("ack") != null) {
      headers.setId(message.getFirst("ack"));
    } else {
      headers.setMessageId(message.getMessageId());
      headers.setSubscription(id);
    }
    session.acknowledge(headers, true);
  }

  /** Spring closes the connection right after its DISCONNECT, so that it never sees the receipt. */
  private void disconnect(JsonNode command) {
    StompHeaders headers = new StompHeaders();
    headers.setReceipt(command.get("receipt").asString());
    session.disconnect(headers);
    emit("closed", Map.of());
  }

  @Override
  public void afterConnected(StompSession connected, StompHeaders headers) {
    session = connected;
    emit("connected", Map.of("version", headers.getFirst("version")));
  }

  @Override
  public Class<?> getPayloadType(StompHeaders headers) {
    return byte[].class;
  }

  /** The session's own handler gets the ERROR frames. */
  @Override
  public void handleFrame(StompHeaders headers, Object payload) {
    emit("error", Map.of("message", headers.getFirst("message"), "body", text(payload)));
  }

  @Override
  public void handleException(
      StompSession inSession, StompCommand command, StompHeaders headers, byte[] payload, Throwable exception) {
    emit("failed", Map.of("reason", exception.toString()));
  }

  @Override
  public void handleTransportError(StompSession inSession, Throwable exception) {
    boolean isLost = exception instanceof ConnectionLostException;
    emit(isLost ? "closed" : "failed", Map.of("reason", exception.toString()));
  }

  private static String text(Object payload) {
    return new String((byte[]) payload, StandardCharsets.UTF_8);
  }

  private static synchronized void emit(String event, Map<String, ?> details) {
    Map<String, Object> line = new HashMap<>(details);
    line.put("event", event);
    System.out.println(JSON.writeValueAsString(line));
  }
}
