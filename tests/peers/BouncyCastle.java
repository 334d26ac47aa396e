/* What Bouncy Castle makes of SM2: a line for each form, its column, its name and its bytes in hexadecimal.
   Arguments: a public key as a point in hexadecimal, to encrypt to, and the message. */
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.Signature;
import org.bouncycastle.asn1.x9.X9ECParameters;
import org.bouncycastle.crypto.engines.SM2Engine;
import org.bouncycastle.crypto.ec.CustomNamedCurves;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.params.ParametersWithRandom;
import org.bouncycastle.crypto.signers.PlainDSAEncoding;
import org.bouncycastle.crypto.signers.SM2Signer;
import org.bouncycastle.crypto.digests.SM3Digest;
import org.bouncycastle.jcajce.provider.asymmetric.ec.BCECPrivateKey;
import org.bouncycastle.jcajce.provider.asymmetric.ec.BCECPublicKey;
import org.bouncycastle.jce.ECNamedCurveTable;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jce.spec.ECParameterSpec;
import org.bouncycastle.util.encoders.Base64;
import org.bouncycastle.util.encoders.Hex;
import org.bouncycastle.util.encoders.UrlBase64;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

public class BouncyCastle {
    static void print(String name, byte[] value) {
        System.out.println(name + " " + Hex.toHexString(value));
    }

    static void print(String name, String value) {
        print(name, value.getBytes(StandardCharsets.UTF_8));
    }

    static String pem(String label, byte[] content) throws Exception {
        java.io.StringWriter text = new java.io.StringWriter();
        try (PemWriter writer = new PemWriter(text)) {
            writer.writeObject(new PemObject(label, content));
        }
        return text.toString();
    }

    public static void main(String[] arguments) throws Exception {
        BouncyCastleProvider provider = new BouncyCastleProvider();
        byte[] message = arguments[1].getBytes(StandardCharsets.UTF_8);
        SecureRandom random = new SecureRandom();

        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", provider);
        generator.initialize(ECNamedCurveTable.getParameterSpec("sm2p256v1"), random);
        KeyPair named = generator.generateKeyPair();
        BCECPublicKey publicKey = (BCECPublicKey) named.getPublic();
        BCECPrivateKey privateKey = (BCECPrivateKey) named.getPrivate();
        print("key spki", publicKey.getEncoded());
        print("key base64", Base64.toBase64String(publicKey.getEncoded()));
        print("key pem", pem("PUBLIC KEY", publicKey.getEncoded()));
        print("key point in hexadecimal", Hex.toHexString(publicKey.getQ().getEncoded(false)));
        print("key compressed point in hexadecimal", Hex.toHexString(publicKey.getQ().getEncoded(true)));
        print("private pkcs8", privateKey.getEncoded());
        print("private pem", pem("PRIVATE KEY", privateKey.getEncoded()));
        String number = privateKey.getD().toString(16);
        print("private number", number.length() % 2 == 0 ? number : "0" + number);
        print("private bytes of a BigInteger", Hex.toHexString(privateKey.getD().toByteArray()));

        // The same curve as numbers of one's own, as programs do that know no names.
        X9ECParameters curve = CustomNamedCurves.getByName("sm2p256v1");
        ECParameterSpec spec = new ECParameterSpec(curve.getCurve(), curve.getG(), curve.getN(), curve.getH());
        java.security.KeyFactory factory = java.security.KeyFactory.getInstance("EC", provider);
        java.security.PublicKey explicit = factory.generatePublic(
            new org.bouncycastle.jce.spec.ECPublicKeySpec(publicKey.getQ(), spec));
        java.security.PrivateKey explicitPrivate = factory.generatePrivate(
            new org.bouncycastle.jce.spec.ECPrivateKeySpec(privateKey.getD(), spec));
        print("key explicit", explicit.getEncoded());
        print("private explicit", explicitPrivate.getEncoded());

        Signature signer = Signature.getInstance("SM3withSM2", provider);
        signer.initSign(privateKey, random);
        signer.update(message);
        byte[] signature = signer.sign();
        print("signature der", signature);
        print("signature hexadecimal", Hex.toHexString(signature));
        print("signature base64", Base64.toBase64String(signature));
        print("signature url", new String(UrlBase64.encode(signature), StandardCharsets.US_ASCII));
        SM2Signer plain = new SM2Signer(PlainDSAEncoding.INSTANCE, new SM3Digest());
        ECDomainParameters domain = new ECDomainParameters(curve.getCurve(), curve.getG(), curve.getN(), curve.getH());
        plain.init(true, new ParametersWithRandom(new ECPrivateKeyParameters(privateKey.getD(), domain), random));
        plain.update(message, 0, message.length);
        byte[] numbers = plain.generateSignature();
        print("signature plain", numbers);
        print("signature plain in hexadecimal", Hex.toHexString(numbers).toUpperCase());

        ECPublicKeyParameters receiver = new ECPublicKeyParameters(
            curve.getCurve().decodePoint(Hex.decode(arguments[0])), domain);
        for (SM2Engine.Mode mode : SM2Engine.Mode.values()) {
            SM2Engine engine = new SM2Engine(mode);
            engine.init(true, new ParametersWithRandom(receiver, random));
            byte[] ciphertext = engine.processBlock(message, 0, message.length);
            String name = mode.toString().toLowerCase();
            print("ciphertext " + name, ciphertext);
            print("ciphertext " + name + " in hexadecimal", Hex.toHexString(ciphertext));
            print("ciphertext " + name + " in hexadecimal without 04", Hex.toHexString(ciphertext).substring(2));
            print("ciphertext " + name + " in base64", Base64.toBase64String(ciphertext));
        }
    }
}
