import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;

/**
 * Serves MongoDB's protocol from memory: java -cp 'jars/*' DocumentStoreServer.java PORT [CERTIFICATE KEY], with TLS when
 * it is given the files (PEM, the key PKCS #8 of an elliptic curve). Says wire version 9, which the driver asks for.
 */
public class DocumentStoreServer {
  public static void main(String[] arguments) throws Exception {
    MemoryBackend backend = new MemoryBackend();
    backend.version(new MongoVersion() {
      public List<Integer> getVersionArray() {
        return List.of(5, 0, 0);
      }

      public int getWireVersion() {
        return 9;
      }
    });
    MongoServer server = new MongoServer(backend);
    if (arguments.length > 1) {
      server.enableSsl(key(arguments[2]), null, certificate(arguments[1]));
    }
    server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    Thread.currentThread().join();
  }

  private static X509Certificate certificate(String path) throws Exception {
    byte[] content = Files.readAllBytes(Path.of(path));
    return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(content));
  }

  private static PrivateKey key(String path) throws Exception {
    String content = Files.readString(Path.of(path)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
    return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(content)));
  }
}
