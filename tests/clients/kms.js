// Reads a request a line, performs it with Tencent's SDK for Node, writes an answer a line; all in JSON.
// KMS_OPTIONS holds { signMethod, reqMethod, endpoint, protocol }.
"use strict";

const http = require("http");
const readline = require("readline");
const { kms } = require("tencentcloud-sdk-nodejs/tencentcloud/services/kms");

const { signMethod, ...options } = JSON.parse(process.env.KMS_OPTIONS);
const client = new kms.v20190118.Client({
  credential: {
    secretId: process.env.TENCENTCLOUD_SECRET_ID,
    secretKey: process.env.TENCENTCLOUD_SECRET_KEY,
    token: process.env.TENCENTCLOUD_TOKEN,
  },
  region: process.env.TENCENTCLOUD_REGION,
  profile: { signMethod, httpProfile: { ...options, reqTimeout: 30, agent: new http.Agent({ keepAlive: true }) } },
});

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { action, params } = JSON.parse(line);
    let answer;
    try {
      answer = await client[action](params);
    } catch (error) {
      answer = { Error: { Code: error.code, Message: error.message }, RequestId: error.requestId };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}

main();
