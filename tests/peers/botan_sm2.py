"""What Botan makes of SM2, as JSON: columns of forms in hexadecimal. For the Python that Debian's python3-botan belongs to.

Arguments: a public key as a point in hexadecimal, to encrypt to, and the message.
"""

import json
import sys

import botan2

receiver, message = sys.argv[1:]
random = botan2.RandomNumberGenerator()
private = botan2.PrivateKey.create("SM2", "sm2p256v1", random)
point = [int(receiver[2:66], 16), int(receiver[66:], 16)]
public = botan2.PublicKey.load_sm2("sm2p256v1", *point)
ciphertext = botan2.PKEncrypt(public, "SM3").encrypt(message.encode(), random)


def sign(der):
    signer = botan2.PKSign(private, "1234567812345678,SM3", der)
    signer.update(message)
    return signer.finish(random).hex()


print(
    json.dumps(
        {
            "key": {
                "to_pem": private.get_public_key().to_pem().encode().hex(),
                "to_der": private.get_public_key().to_der().hex(),
            },
            "private": {"to_pem": private.to_pem().encode().hex(), "to_der": private.to_der().hex()},
            "signature": {"PKSign": sign(False), "PKSign, DER": sign(True)},
            "ciphertext": {"PKEncrypt": ciphertext.hex(), "PKEncrypt in hexadecimal": ciphertext.hex().encode().hex()},
        }
    )
)
