// Opens an envelope of suite 1 as docs/envelope-format.md says, with nothing but Node itself.
// Usage: open_envelope.js ENVELOPE < DEK > PLAINTEXT.
"use strict";

const { createDecipheriv, createHmac, timingSafeEqual } = require("node:crypto");
const { readFileSync, writeSync } = require("node:fs");

const [dek, file] = [readFileSync(0), readFileSync(process.argv[2])];
const [prologueEnd, payload] = [36 + file.readUInt32BE(12), file.readUInt32BE(24)];
if (file[8] !== 1 || file[9] !== 1) throw Error("another version or suite");
const bound = [Buffer.from("kmstool/KTE1"), file.subarray(8, 10), file.subarray(12, 16), file.subarray(36, prologueEnd)];
const start = file.subarray(payload, payload + 42);
const kdf = (key, length, ...purpose) =>
  createHmac("sha384", key).update(Buffer.concat([start, ...purpose, ...bound, Buffer.of(1)])).digest().subarray(0, length);
const tag = file.subarray(payload + 42, payload + 74);
if (!timingSafeEqual(kdf(dek, 32, Buffer.from("HEADER_TAG:")), tag)) throw Error("another key or prologue");
const messageKey = kdf(dek, 48, Buffer.from("MESSAGE_KEY:"));
for (let number = 0n, at = payload + 74, final = false; !final; number++, at += start.readUInt32BE(2)) {
  const segment = file.subarray(at, at + start.readUInt32BE(2));
  final = segment.readUInt32BE(0) !== 0xffffffff;
  if (final && segment.readUInt32BE(0) !== file.length - at) throw Error("another end");
  const [place, epoch] = [Buffer.alloc(9), Buffer.alloc(8)];
  place.writeUInt8(final, place.writeBigUInt64BE(number));
  epoch.writeBigUInt64BE(number & ~0xfffffn);
  const key = kdf(messageKey, 32, Buffer.from("DEK:"), epoch);
  const cipher = createDecipheriv("aes-256-gcm", key, segment.subarray(4, 16)).setAAD(place);
  const plaintext = cipher.setAuthTag(segment.subarray(-16)).update(segment.subarray(16, -16));
  cipher.final();
  for (let done = 0; done < plaintext.length; ) done += writeSync(1, plaintext, done);
}
