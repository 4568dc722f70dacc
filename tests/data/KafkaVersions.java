// Prints a golden conversation of every API in its arguments, in every version that the Kafka client on the class path
// knows, each field set:  java -cp kafka-clients.jar:slf4j-api.jar KafkaVersions.java FIRST-LAST API...
// Each begins as a connection does, by asking for the versions. FIRST-LAST bounds the versions, as older clients know those that newer ones have dropped.
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.BaseRecords;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.SimpleRecord;

public class KafkaVersions {
  static final String CLIENT = "weir-test";
  static byte magic;

  static Object value(Class<?> type, Type generic, String name, int index, Set<String> without) throws Exception {
    if (type == String.class) return name.equals("Name") || name.equals("Topic") ? "topic." + index : name + "-" + index;
    if (type == boolean.class) return true;
    if (type == byte.class) return (byte) 0;
    if (type == short.class || type == Short.class) return name.equals("ErrorCode") ? (short) 3 : (short) (index + 1);
    if (type == int.class || type == Integer.class) return name.endsWith("ThrottleTimeMs") ? 7 : index + 4;
    if (type == long.class || type == Long.class) return (long) index + 70;
    if (type == byte[].class) return new byte[] {1, 2, 3};
    if (type == Uuid.class) return new Uuid(0x0102030405060708L, 0x1112131415161700L + index);
    if (type == BaseRecords.class) {
      return MemoryRecords.withRecords(magic, Compression.NONE, new SimpleRecord(1L, "one".getBytes()),
          new SimpleRecord(2L, "two".getBytes()), new SimpleRecord(3L, "three".getBytes()));
    }
    if (Collection.class.isAssignableFrom(type)) {
      Type element = generic instanceof ParameterizedType p ? p.getActualTypeArguments()[0]
          : ((ParameterizedType) type.getGenericSuperclass()).getActualTypeArguments()[0];
      @SuppressWarnings("unchecked")
      Collection<Object> all = type == List.class ? new ArrayList<>()
          : (Collection<Object>) type.getDeclaredConstructor().newInstance();
      for (int i = 0; i < 2; ++i) all.add(value((Class<?>) element, element, name, i, without));
      return all;
    }
    return Message.class.isAssignableFrom(type) ? filled(type.getDeclaredConstructor().newInstance(), index, without) : null;
  }

  static Object filled(Object message, int index, Set<String> without) throws Exception {
    for (Method method : message.getClass().getDeclaredMethods()) {
      String name = method.getName();
      if (!name.startsWith("set") || method.getParameterCount() != 1) continue;
      name = name.substring(3);
      boolean link = name.equals("Next") || name.equals("Prev");  // of an element in its collection
      String field = name.toLowerCase();
      if (link || without.contains(field) || without.contains(message.getClass().getSimpleName() + field)) continue;
      Object value = value(method.getParameterTypes()[0], method.getGenericParameterTypes()[0], name, index, without);
      if (value != null) method.invoke(message, value);
    }
    return message;
  }

  // Without the fields that this version does not have.
  static byte[] body(ApiMessage empty, short version) throws Exception {
    Set<String> without = new TreeSet<>();
    while (true) {
      ApiMessage message = (ApiMessage) filled(empty.getClass().getDeclaredConstructor().newInstance(), 0, without);
      try {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        return bytes.array();
      } catch (UnsupportedVersionException refused) {
        String said = refused.getMessage().replaceAll(".*non-default (\\w+) at.*", "$1").toLowerCase();
        // The message's own field, else one inside of it.
        if (!without.add(empty.getClass().getSimpleName() + said) && !without.add(said)) throw refused;
      }
    }
  }

  static void print(String mark, byte[] head, byte[] body) {
    ByteBuffer all = ByteBuffer.allocate(4 + head.length + body.length);
    all.putInt(head.length + body.length).put(head).put(body);
    StringBuilder line = new StringBuilder(mark);
    for (byte b : all.array()) {
      String shown = b == 0 ? "\\0" : b == '\\' ? "\\\\" : b >= ' ' && b < 127 ? "" + (char) b : String.format("\\x%02x", b & 255);
      if (line.length() + shown.length() > 118) {
        System.out.println(line);
        line = new StringBuilder("+ ");
      }
      line.append(shown);
    }
    System.out.println(line);
  }

  public static void main(String[] arguments) throws Exception {
    int first = Integer.parseInt(arguments[0].split("-")[0]), last = Integer.parseInt(arguments[0].split("-")[1]);
    for (String name : List.of(arguments).subList(1, arguments.length)) {
      ApiKeys api = ApiKeys.valueOf(name);
      int count = 0;
      java.io.ByteArrayOutputStream held = new java.io.ByteArrayOutputStream();
      java.io.PrintStream out = System.out;
      System.setOut(new java.io.PrintStream(held));
      for (short version = (short) Math.max(first, api.messageType.lowestSupportedVersion());
          version <= Math.min(last, api.messageType.highestSupportedVersion(true)); ++version, ++count) {
        magic = (byte) (version < 2 ? 0 : version == 2 ? 1 : 2);
        int correlation = 100 + version;
        boolean compact = api.requestHeaderVersion(version) == 2;
        ByteBuffer head = ByteBuffer.allocate(10 + CLIENT.length() + (compact ? 1 : 0));
        head.putShort(api.id).putShort(version).putInt(correlation).putShort((short) CLIENT.length()).put(CLIENT.getBytes());
        print("> ", head.array(), body(api.messageType.newRequest(), version));
        ByteBuffer answer = ByteBuffer.allocate(api.responseHeaderVersion(version) == 1 ? 5 : 4);
        print("< ", answer.putInt(correlation).array(), body(api.messageType.newResponse(), version));
      }
      System.setOut(out);
      if (count == 0) continue;
      System.out.println("\n# " + api.name + ", versions up to " + Math.min(last, api.messageType.highestSupportedVersion(true)));
      System.out.println("= tcp " + 2 * (count + 1));
      System.out.println("> \\0\\0\\0\\x13\\0\\x12\\0\\0\\0\\0\\0\\x01\\0\\x09weir-test");
      System.out.println("< \\0\\0\\0\\x1c\\0\\0\\0\\x01\\0\\0\\0\\0\\0\\x03\\0\\0\\0\\0\\0\\x0d\\0\\x01\\0\\x04\\0\\x12\\0\\x12\\0\\0\\0\\x04");
      System.out.print(held);
    }
  }
}
