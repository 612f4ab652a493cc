import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { handshake, postText } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { type Arrival, json, Target } from "../support/e2e_target.ts";

/** Members that no reader and writer of JSON brings back as they are. */
const ODDITIES = String.raw`"number":12345678901234567890123456,"fraction":1.10000000000000000000000001,` +
  String.raw`"huge":1E400 ,"tiny":-0.0e-5,"zero":-0,"twice":1,"twice":"2","__proto__":{"a":1},"":null,` +
  String.raw`"escapes":"\u0041\/\u00e9\ud83d\ude42\b","lone":"\ud800 and \udfff","deep":[[[[ ]]]],` +
  '"raw":"é 🙂 \u2028\u2029\u007f\uFEFF \uFFFD"';
const ID = "98765432109876543210987654";

/** Blanks where JSON allows them. @param lineEnd stands between members */
function request(lineEnd: string): string {
  return `{ "unknown":[ 1 ,\t2],${lineEnd} "jsonrpc" : "2.0",${lineEnd}\t"id" :${lineEnd} ${ID} , "method":"odd",` +
    `"params":{ ${ODDITIES} ,${lineEnd}"_meta":{}}${lineEnd}}`;
}

function answer(lineEnd: string, id = ID): string {
  return `{"vendor" : {},${lineEnd} "result":{${ODDITIES},  "content":[]${lineEnd}},\t"id" : ${id},"jsonrpc":"2.0" }`;
}

function notification(lineEnd: string): string {
  return `{ "method":"notifications/progress",${lineEnd}"params":{"progressToken":1,"progress":0.10, ${ODDITIES}},"jsonrpc":"2.0"}`;
}

const CRLF = "\r\n";
const onOneLine = (text: string) => text.replaceAll(/[\r\n]/g, " ");

/** The data of each event, in order. */
function events(stream: string): string[] {
  assert.ok(stream.endsWith("\n\n"));
  return stream.trimEnd().split("\n\n").map((event) => {
    assert.match(event, /^data: [^\n]*$/);
    return event.slice("data: ".length);
  });
}

/** A message as an event, one field line per line of text (WHATWG HTML §9.2.6). */
function event(text: string): string {
  return `event: message\nid: 1\n${text.split(/\r\n|\n/).map((line) => `data: ${line}\n`).join("")}\n`;
}

function stream(...messages: string[]): Response {
  return new Response(messages.map(event).join(""), { headers: { "content-type": "text/event-stream" } });
}

const ACCEPT_EVENTS = { accept: "application/json, text/event-stream" };

Deno.test("payloads travel as the text they are, byte for byte, in both directions over HTTP [P-64, P-193]", async (t) => {
  let script: (arrival: Arrival) => Response = () => json(answer("\n"));
  await using target = new Target((arrival) => script(arrival));
  await using relay = await TestRelay.start();
  await using _agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${target.url}`] });

  for (const lineEnd of [" ", "\n", CRLF]) {
    await t.step(`a call and its plain answer, with ${JSON.stringify(lineEnd)} between members`, async () => {
      script = () => json(`${lineEnd}${answer(lineEnd)}${lineEnd}`);
      const posted = await postText(relay.mcpUrl, `\t ${request(lineEnd)}${lineEnd} `);
      assert.equal(posted.status, 200);
      assert.equal(posted.text.trim(), answer(lineEnd));
      assert.equal(target.arrivals.at(-1)?.text.trim(), request(lineEnd));
    });
  }

  await t.step("an answer as an event, for a connector that takes events", async () => {
    script = () => stream(answer(" "));
    const posted = await postText(relay.mcpUrl, request(" "), { headers: ACCEPT_EVENTS });
    assert.match(posted.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.deepEqual(events(posted.text), [answer(" ")]);
  });

  await t.step("an answer as an event, for a connector that takes none", async () => {
    script = () => stream(notification(" "), answer("\n"));
    const posted = await postText(relay.mcpUrl, request("\n"));
    assert.equal(posted.text, answer("\n"));
  });

  await t.step("notifications and answer as events; line ends between members become blanks", async () => {
    script = () => stream(notification(" "), notification("\n"), answer("\n"));
    const posted = await postText(relay.mcpUrl, request("\n"), { headers: ACCEPT_EVENTS });
    assert.deepEqual(events(posted.text), [
      notification(" "),
      onOneLine(notification("\n")),
      onOneLine(answer("\n")),
    ]);
  });

  await t.step("a notification of the connector", async () => {
    const posted = await postText(relay.mcpUrl, notification(CRLF));
    assert.equal(posted.status, 202);
    assert.equal(target.arrivals.at(-1)?.text, notification(CRLF));
  });

  await t.step("an error that the target answers with a status of its own [HT-23]", async () => {
    const error =
      `{"jsonrpc":"2.0",\n"error":{ "code":-32001,"message":"n\\u006f","data":{${ODDITIES}} },"id" : ${ID}}`;
    script = () => json(error, 418);
    const posted = await postText(relay.mcpUrl, request(" "));
    assert.equal(posted.status, 418);
    assert.equal(posted.text, error);
  });

  await t.step("ids are compared as values and answered as the target wrote them", async () => {
    const ids = [["1", "1"], ["-0.5e1", "-5"], [String.raw`"\u0041b"`, '"Ab"'], [
      '"é"',
      String.raw`"\u00e9"`,
    ]] as const;
    for (const [asked, answered] of ids) {
      script = () => json(answer(" ", answered));
      const posted = await postText(relay.mcpUrl, `{"jsonrpc":"2.0","id":${asked},"method":"odd"}`);
      assert.equal(posted.text, answer(" ", answered));
    }
  });
});

Deno.test("payloads travel as the text they are over stdio, but for the id and line ends [P-64, ST-9]", async () => {
  const script = new URL("../support/stdio_child.ts", import.meta.url).pathname;
  await using relay = await TestRelay.start();
  await using _agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${Deno.execPath()} run -A --no-check --quiet ${script} plain`],
  });
  await handshake(relay.mcpUrl);
  const asked = request("\n").replace('"odd"', '"echo"');
  await postText(relay.mcpUrl, asked);
  const seen = JSON.parse((await postText(relay.mcpUrl, '{"jsonrpc":"2.0","id":1,"method":"seen"}')).text);
  const line = seen.result[2];
  const [before, after] = onOneLine(asked).split(ID);
  assert.ok(line.startsWith(before), line);
  assert.ok(line.endsWith(after), line);

  const text = `{${ODDITIES}}`;
  const params = JSON.stringify({ text });
  const posted = await postText(
    relay.mcpUrl,
    `{"jsonrpc":"2.0","id":${ID},"method":"result","params":${params}}`,
  );
  assert.equal(posted.text, `{"jsonrpc":"2.0","id":${ID},"result":${text}}`);
});
