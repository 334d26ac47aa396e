// What sm-crypto makes of SM2, as JSON: columns of forms. Arguments: a public key as a point in hexadecimal, and the message.
const { sm2 } = require('sm-crypto');
const [receiver, message] = process.argv.slice(2);
const pair = sm2.generateKeyPairHex();
const sign = (options) => sm2.doSignature(message, pair.privateKey, { hash: true, publicKey: pair.publicKey, ...options });
console.log(JSON.stringify({
  key: {
    'publicKey': pair.publicKey,
    'publicKey without 04': pair.publicKey.slice(2),
    'compressPublicKeyHex': sm2.compressPublicKeyHex(pair.publicKey),
  },
  private: { 'privateKey': pair.privateKey },
  signature: { 'doSignature': sign({}), 'doSignature, der': sign({ der: true }) },
  ciphertext: {
    'doEncrypt, C1C3C2': sm2.doEncrypt(message, receiver, 1),
    'doEncrypt, C1C2C3': sm2.doEncrypt(message, receiver, 0),
    'doEncrypt, C1C3C2 with 04': '04' + sm2.doEncrypt(message, receiver, 1),
  },
}));
