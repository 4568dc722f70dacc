// KafkaClients ADDRESS: Kafka's own Java clients for record-kafka-java: plain, compressed, idempotent and transactional producers,
// consumer groups of both protocols, administration. Says on stdout, a line of JSON each, what every client sent or got.
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class KafkaClients {
  static String address;

  static Properties settings(String name, String... more) {
    Properties p = new Properties();
    p.put("bootstrap.servers", address);
    p.put("client.id", name);
    for (int i = 0; i < more.length; i += 2) p.put(more[i], more[i + 1]);
    return p;
  }

  static KafkaProducer<String, String> producer(String name, String... more) {
    return new KafkaProducer<>(settings(name, more), new StringSerializer(), new StringSerializer());
  }

  static void said(String name, int messages, String group) {
    System.out.println("{\"shape\":\"" + name + "\",\"messages\":" + messages + (group == null ? "" : ",\"group\":\"" + group + "\"") + "}");
  }

  static void produce(String name, String topic, int batches, int size, String... more) throws Exception {
    int sent = 0;
    try (KafkaProducer<String, String> producer = producer(name, more)) {
      for (int batch = 0; batch < batches; batch++) {
        for (int i = 0; i <= batch % 5; i++, sent++) {
          producer.send(new ProducerRecord<>(topic, batch % 3, "k" + i, ("<" + batch + "." + i + ">").repeat(size / 7)));
        }
        producer.flush();
      }
    }
    said(name, sent, null);
  }

  static void transactions(String name) {
    int sent = 0;
    try (KafkaProducer<String, String> producer = producer(name, "transactional.id", "till")) {
      producer.initTransactions();
      for (int i = 0; i < 30; i++, sent += 2) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("paid", 0, "k", "v" + i));
        producer.send(new ProducerRecord<>("sold", i % 3, "k", "v" + i));
        if (i % 3 == 2) {
          producer.flush();
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
      }
    }
    said(name, sent, null);
  }

  static void consume(String name, String group, List<String> topics, int wanted, String... more) {
    Properties p = settings(name, more);
    p.putAll(Map.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false", "fetch.max.wait.ms", "50"));
    int got = 0;
    long end = System.nanoTime() + 20_000_000_000L;
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(topics);
      while (got < wanted && System.nanoTime() < end) {
        got += consumer.poll(Duration.ofMillis(100)).count();
        consumer.commitSync();
      }
    }
    said(name, got, group);
  }

  static void administration(String name) throws Exception {
    try (Admin admin = Admin.create(settings(name))) {
      for (int i = 0; i < 12; i++) {
        try {
          admin.createTopics(List.of(new NewTopic("made-" + i % 8, 2, (short) 1))).all().get();
        } catch (ExecutionException exists) {
          // Of the eight names four come twice.
        }
      }
      admin.listTopics().names().get();
      admin.deleteTopics(List.of("made-0", "made-1")).all().get();
    }
    said(name, 0, null);
  }

  public static void main(String[] arguments) throws Exception {
    address = arguments[0];
    produce("java-idempotent", "sold", 250, 70);
    produce("java-plain", "sold", 100, 70, "enable.idempotence", "false", "acks", "1");
    produce("java-unasked", "unasked", 50, 70, "enable.idempotence", "false", "acks", "0");
    for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
      produce("java-" + codec, "packed", 60, 700, "compression.type", codec);
    }
    transactions("java-transactions");
    consume("java-group", "billing", List.of("sold"), 800);
    consume("java-group-of-topics", "many", List.of("sold", "packed", "paid"), 1200, "isolation.level", "read_committed");
    consume("java-new-group", "next", List.of("packed"), 400, "group.protocol", "consumer");
    administration("java-administration");
  }
}
