import assert from "node:assert/strict";
import {
  answerOf,
  callOf,
  childArgv,
  eventually,
  NEVER,
  open,
  requestOf,
  resultOf,
  textOf,
} from "../../../support/stdio_harness.ts";

Deno.test("call() answers with status 200, no headers and the time since the write [ST-16, P-89, A-63]", async () => {
  await using opened = await open();
  let sent = 0;
  const result = await opened.call("echo", { a: 1 }, { observer: { sent: () => void sent++ } });
  assert.ok(result.type === "response");
  assert.deepEqual([result.status, result.headers, result.errorCode], [200, [], undefined]);
  assert.ok(result.targetElapsedMs !== undefined && result.targetElapsedMs >= 0);
  assert.deepEqual(resultOf(result), { a: 1 });
  assert.equal(sent, 1);
});

Deno.test("a stdio channel names its transport, affinity and limit, and knows no sessions [CH-6, CH-10, P-105]", async () => {
  await using opened = await open({ name: "files" });
  const { channel } = opened;
  assert.deepEqual(
    [
      channel.name,
      channel.transport,
      channel.procAffinity,
      channel.maxConcurrentCalls,
      channel.terminateSession,
    ],
    ["files", "stdio", true, 1, undefined],
  );
});

Deno.test("call() writes the request as received, on one line [P-64, ST-9, ST-15]", async () => {
  await using opened = await open();
  const text =
    '{ "method":"echo",\r\n "x-unknown" : 1, "jsonrpc":"2.0","params":{"n":12345678901234567890123456,\n' +
    '"u":"\\u00e9\\n","n":0.10},"id" : 7}';
  await opened.call("echo", undefined, { text });
  assert.deepEqual(await opened.ask("seen"), [text.replace(/[\r\n]/g, " ")]);
});

Deno.test("call() hands on the answer as received [P-193]", async () => {
  await using opened = await open();
  const value = '{"n":12345678901234567890123456, "n":1.50, "s":"\\u00e9\\/", "\\u0061":[ ]}';
  const result = await opened.call("result", { text: value }, { id: 'a"b' });
  assert.equal(answerOf(result), `{"jsonrpc":"2.0","id":"a\\"b","result":${value}}`);
});

Deno.test("ids of every kind come back in their own spelling [ST-15, LC-8]", async () => {
  await using opened = await open();
  for (const id of ["0", '""', "-1", '"7"', "7", "9007199254740991", "12345678901234567890123456", "1.50"]) {
    const result = await opened.call("echo", undefined, {
      text: `{"jsonrpc":"2.0","id":${id},"method":"echo"}`,
    });
    assert.equal(answerOf(result), `{"jsonrpc":"2.0","id":${id},"result":null}`);
  }
});

Deno.test("numbers that many servers do not take for an id or a token reach the server as others", async () => {
  await using opened = await open();
  for (const number of ["12345678901234567890123456", "1.5", "-9007199254740993"]) {
    const seen: string[] = [];
    const result = await opened.call("progress", undefined, {
      text:
        `{"jsonrpc":"2.0","id":${number},"method":"progress","params":{"_meta":{"progressToken":${number}}}}`,
      observer: {
        notification: (text) => {
          seen.push(textOf(text));
          return Promise.resolve();
        },
      },
    });
    assert.equal(answerOf(result), `{"jsonrpc":"2.0","id":${number},"result":"done"}`);
    assert.equal(seen.length, 1);
    assert.match(seen[0]!, new RegExp(`"progressToken":${number},`));
  }
  await opened.ask("echo", undefined, { id: 77 });
  const lines = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line));
  assert.equal(lines[3].id, 77, "an ordinary id stays");
  for (const { id, params } of lines.slice(0, 3)) {
    assert.ok(Number.isSafeInteger(id));
    assert.ok(Number.isSafeInteger(params._meta.progressToken));
  }
});

Deno.test("call() hands on JSON-RPC errors and tells only their code [P-120]", async () => {
  await using opened = await open();
  const result = await opened.call("no/such/method");
  assert.ok(result.type === "response");
  assert.equal(result.errorCode, -32601);
  assert.match(answerOf(result), /no such method/);
});

for (const [style, flag] of [["batches", "batch"], ["many lines", "pretty"], ["CRLF", "crlf"]] as const) {
  Deno.test(`call() understands a server that prints ${style} [ST-10, ST-11]`, async () => {
    await using opened = await open({ argv: childArgv(flag) });
    for (let round = 0; round < 3; round++) assert.deepEqual(await opened.ask("echo", { round }), { round });
  });
}

Deno.test("noise on stdout is logged and skipped [ST-12]", async () => {
  await using opened = await open({ argv: childArgv("banner") });
  assert.deepEqual(await opened.ask("echo", [1]), [1]);
  const skipped = opened.log.of("mcp server stdout skipped");
  assert.deepEqual(skipped.map(({ fields }) => fields.line), ["Server listening", "[INFO] ready", undefined]);
  assert.equal(skipped[0]?.fields.channel, "main");
});

Deno.test("20 MB pass in both directions", async () => {
  await using opened = await open();
  const result = await opened.call("big", { mebibytes: 20 });
  const text = answerOf(result);
  assert.equal(JSON.parse(text).result.length, 20 * 512 * 1024);
  const long = "x".repeat(20 * 1024 * 1024);
  assert.equal((await opened.ask("echo", long) as string).length, long.length);
});

Deno.test("notifications arrive in order before the answer, none is read before the last was delivered [P-99]", async () => {
  await using opened = await open();
  const seen: string[] = [];
  let inside = 0;
  const result = await opened.call("progress", { count: 20, _meta: { progressToken: "t" } }, {
    observer: {
      sent: () => void seen.push("sent"),
      notification: async (text, head) => {
        assert.deepEqual(head, { status: 200, headers: [] });
        assert.equal(++inside, 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inside--;
        seen.push(textOf(text));
      },
    },
  });
  assert.equal(resultOf(result), "done");
  assert.deepEqual(seen, [
    "sent",
    ...Array.from(
      { length: 20 },
      (_, at) =>
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":${
          at + 1
        },"total":20}}`,
    ),
  ]);
});

Deno.test("notifications without a running call are dropped", async () => {
  await using opened = await open();
  await opened.notify("raw", {
    text: '{"jsonrpc":"2.0","method":"notifications/message","params":{"of":"nobody"}}\n',
  });
  await eventually("the drop is logged", () => opened.log.of("mcp server message dropped").length === 1);
  const seen: string[] = [];
  await opened.call("echo", 1, {
    observer: {
      notification: (text) => {
        seen.push(textOf(text));
        return Promise.resolve();
      },
    },
  });
  assert.deepEqual(seen, []);
});

Deno.test("a ping of the server is answered, its other requests are refused, and the call goes on [P-104]", async () => {
  await using opened = await open();
  const replies = await opened.ask("ask") as { error?: { code: number } }[];
  assert.deepEqual(replies[0], { jsonrpc: "2.0", id: "s-1", result: {} });
  assert.equal(replies[1]?.error?.code, -32601);
  const lines = await opened.ask("seen") as string[];
  assert.match(lines[2]!, /"id":12345678901234567000,/);
});

Deno.test("a server that only asks and never reads fills no memory [P-104]", async () => {
  const opened = await open({
    argv: ["/bin/sh", "-c", `while :; do echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'; done`],
  });
  const dropped = () =>
    opened.log.of("mcp server request left unanswered: the server does not read").length > 1000;
  await eventually("requests beyond the limit are dropped", dropped);
  await opened[Symbol.asyncDispose]();
});

Deno.test("malformed answers end the call with a protocol failure, and the next one works [LC-8]", async () => {
  await using opened = await open();
  for (
    const answer of [
      '{"jsonrpc":"2.0","id":$ID}',
      '{"id":$ID,"result":{}}',
      '{"jsonrpc":"1.0","id":$ID,"result":{}}',
      '{"jsonrpc":"2.0","id":$ID,"error":"bad"}',
      '{"jsonrpc":"2.0","id":$ID,"error":{"message":"no code"}}',
      '{"jsonrpc":"2.0","id":$ID,"error":{"code":1.5,"message":"half"}}',
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    ]
  ) {
    const result = await opened.call("raw", { text: answer + "\n" });
    assert.ok(result.type === "failure", answer);
    assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], [
      "invalid_protocol_response",
      502,
      0,
    ]);
    assert.equal(await opened.ask("echo", "next"), "next");
  }
});

Deno.test("answers with an empty counterpart are no malformed ones", async () => {
  await using opened = await open();
  const fine = await opened.call("raw", { text: '{"jsonrpc":"2.0","id":$ID,"result":1,"error":null}\n' });
  assert.ok(fine.type === "response" && fine.errorCode === undefined);
  const error = await opened.call("raw", {
    text: '{"jsonrpc":"2.0","id":$ID,"result":null,"error":{"code":-1,"message":""}}\n',
  });
  assert.ok(error.type === "response" && error.errorCode === -1);
});

Deno.test("responses that nobody waits for are dropped, ids compared by type and value [LC-8]", async () => {
  await using opened = await open();
  const text = '{"jsonrpc":"2.0","id":"7","result":"wrong"}\n{"jsonrpc":"2.0","id":8,"result":"wrong"}\n' +
    '{"jsonrpc":"2.0","id":{},"result":"wrong"}\n{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":""}}\n' +
    '{"jsonrpc":"2.0","id":7,"result":"right"}\n';
  assert.equal(await opened.ask("raw", { text }, { id: 7 }), "right");
  assert.equal(opened.log.of("mcp server message dropped").length, 4);
});

Deno.test("notify() ends with the write and passes while a call runs [P-97, LC-5]", async () => {
  await using opened = await open();
  const held = opened.call("hold", "one", { id: 1 });
  const outcome = await opened.channel.notify(
    requestOf({ jsonrpc: "2.0", method: "notifications/x" }),
    NEVER,
  );
  assert.deepEqual(outcome, { type: "accepted", status: 200, headers: [] });
  await opened.notify("raw", { text: '{"jsonrpc":"2.0","id":1,"result":"passed"}\n' });
  assert.equal(resultOf(await held), "passed");
});

Deno.test("one call at a time reaches a serial child, in order; waiting can be given up [SE-1, SE-2]", async () => {
  await using opened = await open();
  const first = opened.call("hold", "first", { id: 1 });
  const order: string[] = [];
  const second = opened.ask("echo", "second", { observer: { sent: () => void order.push("second") } });
  const impatient = new AbortController();
  const third = opened.call("echo", "third", { signal: impatient.signal });
  const fourth = opened.ask("echo", "fourth", { observer: { sent: () => void order.push("fourth") } });
  impatient.abort(new Error("gone"));
  await assert.rejects(third, /gone/);
  assert.deepEqual(order, []);
  await opened.notify("raw", { text: '{"jsonrpc":"2.0","id":1,"result":"done"}\n' });
  assert.equal(resultOf(await first), "done");
  assert.deepEqual(await Promise.all([second, fourth]), ["second", "fourth"]);
  assert.deepEqual(order, ["second", "fourth"]);
  const lines = await opened.ask("seen") as string[];
  assert.deepEqual(lines.map((line) => JSON.parse(line).params).filter((params) => params === "third"), []);
});

Deno.test("an aborted signal is refused before anything is written", async () => {
  await using opened = await open();
  const gone = AbortSignal.abort(new Error("too late"));
  await assert.rejects(opened.call("echo", 1, { signal: gone }), /too late/);
  await assert.rejects(opened.channel.notify(requestOf({ jsonrpc: "2.0", method: "x" }), gone), /too late/);
  assert.deepEqual(await opened.ask("seen"), []);
});

Deno.test("calls before start() and after stop() fail at once, and health tells why [CH-7]", async () => {
  const opened = await open();
  assert.deepEqual(opened.channel.health(), { state: "ready", reason: "" });
  const running = opened.call("hold");
  await opened.channel.stop(0);
  const cut = await running;
  assert.ok(cut.type === "failure" && cut.kind === "connection_closed" && cut.statusCode === 502);
  const late = await opened.channel.call(callOf("echo", 1, 1), {
    sent: () => assert.fail("sent"),
    notification: () => Promise.resolve(),
  }, NEVER);
  assert.ok(late.type === "failure" && late.kind === "connection_closed");
  assert.equal(opened.channel.health().state, "stopped");
  await opened[Symbol.asyncDispose]();
});

Deno.test("the command's arguments are shown to the operator and never logged [ST-8, R-21]", async () => {
  const opened = await open({ argv: [...childArgv(), "--api-key=hunter2"] });
  assert.deepEqual(opened.channel.processInfo(), { pid: opened.pid(), command: "scripted --token secret" });
  assert.ok(opened.pid() > 0);
  const [started] = opened.log.of("stdio MCP command started");
  assert.deepEqual(started?.fields, { channel: "main", pid: opened.pid(), command: "deno" });
  await opened[Symbol.asyncDispose]();
  assert.equal(opened.channel.processInfo().pid, undefined);
  assert.equal(opened.log.of("stdio MCP command exited").length, 1);
  assert.doesNotMatch(JSON.stringify(opened.log.records), /hunter2|secret/);
});
