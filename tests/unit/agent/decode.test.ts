import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command, JsonRpcCommand } from "../../../src/agent/command.ts";
import { type DecodedPoll, decodePoll, PollBodyError } from "../../../src/agent/decode.ts";

const RECEIVED_AT = 5_000;

/** An element that is fine, with some members replaced by raw JSON text; undefined leaves a member out. */
function element(changed: Record<string, string | undefined> = {}): string {
  const members: Record<string, string | undefined> = {
    request_id: '"req-1"',
    shard_token: '"shard-1"',
    command_type: '"jsonrpc"',
    channel: '"main"',
    created_at: '"2026-06-12T12:13:14.000Z"',
    headers: "{}",
    jsonrpc: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    ...changed,
  };
  const texts = Object.entries(members).filter(([, text]) => text !== undefined);
  return `{${texts.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}

function decodeOne(text: string): DecodedPoll {
  return decodePoll(`{"commands":[${text}]}`, RECEIVED_AT);
}

function accepted(changed: Record<string, string | undefined> = {}): Command {
  const { commands, dropped } = decodeOne(element(changed));
  assert.deepEqual(dropped, [], JSON.stringify(changed));
  assert.equal(commands.length, 1);
  return commands[0]!;
}

function jsonrpc(message: string): JsonRpcCommand {
  const command = accepted({ jsonrpc: message });
  assert(command.type === "jsonrpc");
  return command;
}

Deno.test("decodePoll() takes the published sample apart; a session end without a session is dropped [P-60]", async () => {
  const text = await Deno.readTextFile(new URL("../../support/agent_fixture_poll.json", import.meta.url));
  const { commands, dropped } = decodePoll(text, RECEIVED_AT);
  assert.equal(commands.length, 1);
  const command = commands[0] as JsonRpcCommand;
  assert.deepEqual(
    [
      command.type,
      command.kind,
      command.requestId,
      command.shardToken,
      command.channel,
      command.method,
      command.id,
    ],
    ["jsonrpc", "call", "cmd_fixture_jsonrpc", "fixture:jsonrpc", "harpoon", "tools/list", "rpc-1"],
  );
  assert.equal(command.createdAtMs, Date.UTC(2026, 5, 12, 12, 13, 14));
  assert.deepEqual(command.headers, { "x-test": ["alpha"] });
  assert.deepEqual(command.message.params, { needle: "hay" });
  assert.deepEqual([command.receivedAt, command.deadlineAt], [RECEIVED_AT, Infinity]);
  assert.deepEqual(dropped.map((element) => element.requestId), ["cmd_fixture_session_end"]);
});

Deno.test("decodePoll() finds no commands in these bodies, and no fault [P-58]", () => {
  const bodies = [
    "{}",
    "null",
    ' {"commands":null} ',
    '{"commands":[]}',
    '{"other":1}',
    '{"commands":[ \n ]}',
  ];
  const nothing = { commands: [], dropped: [], cancelled: [] };
  for (const body of bodies) assert.deepEqual(decodePoll(body, 0), nothing, body);
});

Deno.test("decodePoll() reads which commands are cancelled, and no fault from whatever else that member is [P-59]", () => {
  assert.deepEqual(decodePoll('{"commands":[],"cancelled":["cmd_1","cmd_2"]}', 0).cancelled, [
    "cmd_1",
    "cmd_2",
  ]);
  const odd = ["null", "1", "{}", '"cmd_1"', "[1,null,{}]"];
  for (const value of odd) {
    assert.deepEqual(decodePoll(`{"commands":null,"cancelled":${value}}`, 0).cancelled, [], value);
  }
});

Deno.test("decodePoll() refuses the whole batch when the envelope is broken, without quoting it [P-58]", () => {
  const bodies = [
    "",
    " ",
    "{",
    '{"commands":[}',
    "<html>5ecret</html>",
    "[]",
    "1",
    '"text"',
    "true",
    '{"commands":{}}',
    '{"commands":"none"}',
    '{"commands":0}',
    '{"commands":[]} trailing',
    `{"commands":[${element()},]}`,
  ];
  for (const body of bodies) {
    assert.throws(
      () => decodePoll(body, 0),
      (error: unknown) => error instanceof PollBodyError && !error.message.includes("5ecret"),
      body,
    );
  }
});

/** The table of P-60: raw JSON texts of members, and what becomes of the element. */
const TABLE: readonly [situation: string, text: string, verdict: "kept" | RegExp][] = [
  ["a number", "1", /not an object/],
  ["a string", '"x"', /not an object/],
  ["an array", "[]", /not an object/],
  ["a boolean", "true", /not an object/],
  ["null", "null", /missing command_type/],
  ["an empty object", "{}", /missing command_type/],
  ["command_type missing", element({ command_type: undefined }), /missing command_type/],
  ["command_type null", element({ command_type: "null" }), /missing command_type/],
  ["command_type empty", element({ command_type: '""' }), /missing command_type/],
  ["command_type a number", element({ command_type: "1" }), /command_type is not a string/],
  ["command_type an object", element({ command_type: "{}" }), /command_type is not a string/],
  ["command_type unknown", element({ command_type: '"shell"' }), /unknown command_type/],
  ["command_type in another case", element({ command_type: '"JSONRPC"' }), /unknown command_type/],
  ...["request_id", "shard_token"].flatMap((name): [string, string, RegExp][] => [
    [`${name} missing`, element({ [name]: undefined }), /missing/],
    [`${name} null`, element({ [name]: "null" }), /missing/],
    [`${name} empty`, element({ [name]: '""' }), /missing/],
    [`${name} a number`, element({ [name]: "7" }), /not a string/],
    [`${name} an object`, element({ [name]: "{}" }), /not a string/],
    [`${name} false`, element({ [name]: "false" }), /not a string/],
  ]),
  ["request_id of blanks is opaque", element({ request_id: '" "' }), "kept"],
  ["channel missing", element({ channel: undefined }), "kept"],
  ["channel null", element({ channel: "null" }), "kept"],
  ["channel empty", element({ channel: '""' }), "kept"],
  ["channel blank", element({ channel: '"  \\t"' }), "kept"],
  ["channel in capitals with blanks", element({ channel: '" HARPOON "' }), "kept"],
  ["channel with a dot", element({ channel: '"a.b"' }), /channel/],
  ["channel of 65 characters", element({ channel: `"${"a".repeat(65)}"` }), /channel/],
  ["channel of 64 characters", element({ channel: `"${"a".repeat(64)}"` }), "kept"],
  ["channel a number", element({ channel: "1" }), /channel is not a string/],
  ["channel an array", element({ channel: '["main"]' }), /channel is not a string/],
  ["created_at missing", element({ created_at: undefined }), "kept"],
  ["created_at null", element({ created_at: "null" }), "kept"],
  ["created_at empty", element({ created_at: '""' }), /created_at/],
  ["created_at a number", element({ created_at: "1781266394" }), /created_at/],
  ["created_at without zone", element({ created_at: '"2026-06-12T12:13:14"' }), /created_at/],
  ["created_at with a blank", element({ created_at: '"2026-06-12 12:13:14Z"' }), /created_at/],
  ["created_at in small letters", element({ created_at: '"2026-06-12t12:13:14z"' }), /created_at/],
  ["created_at a day that does not exist", element({ created_at: '"2026-02-29T12:13:14Z"' }), /created_at/],
  ["created_at 29 February of a leap year", element({ created_at: '"2024-02-29T12:13:14Z"' }), "kept"],
  ["created_at 29 February 2100", element({ created_at: '"2100-02-29T12:13:14Z"' }), /created_at/],
  ["created_at month 13", element({ created_at: '"2026-13-01T12:13:14Z"' }), /created_at/],
  ["created_at month 0", element({ created_at: '"2026-00-01T12:13:14Z"' }), /created_at/],
  ["created_at day 0", element({ created_at: '"2026-01-00T12:13:14Z"' }), /created_at/],
  ["created_at hour 24", element({ created_at: '"2026-01-01T24:00:00Z"' }), /created_at/],
  ["created_at minute 60", element({ created_at: '"2026-01-01T23:60:00Z"' }), /created_at/],
  ["created_at offset 24 h", element({ created_at: '"2026-01-01T00:00:00+24:00"' }), /created_at/],
  ["created_at with an offset", element({ created_at: '"2026-06-12T14:13:14.5+02:00"' }), "kept"],
  ["created_at with nanoseconds", element({ created_at: '"2026-06-12T12:13:14.123456789Z"' }), "kept"],
  ["created_at an HTTP date", element({ created_at: '"Sun, 06 Nov 1994 08:49:37 GMT"' }), /created_at/],
  ["headers missing", element({ headers: undefined }), "kept"],
  ["headers null", element({ headers: "null" }), "kept"],
  ["headers an array", element({ headers: "[]" }), /headers/],
  ["headers a string", element({ headers: '"a: b"' }), /headers/],
  ["a header value a string", element({ headers: '{"a":"b"}' }), /header/],
  ["a header value an object", element({ headers: '{"a":{}}' }), /header/],
  ["a header item a number", element({ headers: '{"a":[1]}' }), /header/],
  ["a header item an array", element({ headers: '{"a":[["x"]]}' }), /header/],
  ["a header value null", element({ headers: '{"a":null}' }), "kept"],
  ["a header item null", element({ headers: '{"a":[null]}' }), "kept"],
  ["response_timeout broken", element({ response_timeout: '"4.5s"' }), "kept"],
  ["response_timeout a number", element({ response_timeout: "5" }), "kept"],
  ["unknown members", element({ future: '{"x":[1,2]}', jsonrpc_2: "null" }), "kept"],
  ["jsonrpc missing", element({ jsonrpc: undefined }), /missing jsonrpc/],
  ["jsonrpc null", element({ jsonrpc: "null" }), /not an object/],
  ["jsonrpc a batch", element({ jsonrpc: "[]" }), /not an object/],
  ["jsonrpc a string", element({ jsonrpc: '"{}"' }), /not an object/],
  ["jsonrpc a number", element({ jsonrpc: "2" }), /not an object/],
  ["version missing", element({ jsonrpc: '{"id":1,"method":"m"}' }), /version/],
  ["version 1.0", element({ jsonrpc: '{"jsonrpc":"1.0","id":1,"method":"m"}' }), /version/],
  ["version a number", element({ jsonrpc: '{"jsonrpc":2.0,"id":1,"method":"m"}' }), /version/],
  [
    "version under another spelling",
    element({ jsonrpc: '{"JSONRPC":"2.0","id":1,"method":"m"}' }),
    /version/,
  ],
  ["id a boolean", element({ jsonrpc: '{"jsonrpc":"2.0","id":true,"method":"m"}' }), /id/],
  ["id false", element({ jsonrpc: '{"jsonrpc":"2.0","id":false,"method":"m"}' }), /id/],
  ["id an object", element({ jsonrpc: '{"jsonrpc":"2.0","id":{},"method":"m"}' }), /id/],
  ["id an array", element({ jsonrpc: '{"jsonrpc":"2.0","id":[1],"method":"m"}' }), /id/],
  ["id 0", element({ jsonrpc: '{"jsonrpc":"2.0","id":0,"method":"m"}' }), "kept"],
  ["id empty text", element({ jsonrpc: '{"jsonrpc":"2.0","id":"","method":"m"}' }), "kept"],
  ["neither method nor id", element({ jsonrpc: '{"jsonrpc":"2.0"}' }), /neither/],
  ["method empty, no id", element({ jsonrpc: '{"jsonrpc":"2.0","method":""}' }), /neither/],
  ["method a number, no id", element({ jsonrpc: '{"jsonrpc":"2.0","method":1}' }), /neither/],
  ["id null, no method", element({ jsonrpc: '{"jsonrpc":"2.0","id":null,"result":{}}' }), /neither/],
  [
    "session_termination without the header",
    element({ command_type: '"session_termination"', jsonrpc: undefined }),
    /Mcp-Session-Id/,
  ],
  [
    "session_termination with an empty one",
    element({ command_type: '"session_termination"', headers: '{"Mcp-Session-Id":["",""]}' }),
    /Mcp-Session-Id/,
  ],
  [
    "session_termination with one in any letter case",
    element({ command_type: '"session_termination"', headers: '{"mCP-sESSION-iD":["","s"]}' }),
    "kept",
  ],
  [
    "oauth_discovery with only the common members",
    element({ command_type: '"oauth_discovery"', jsonrpc: undefined }),
    "kept",
  ],
];

for (const [situation, text, verdict] of TABLE) {
  Deno.test(`decodePoll() ${verdict === "kept" ? "keeps" : "drops"} an element: ${situation} [P-60]`, () => {
    const { commands, dropped } = decodePoll(`{"commands":[${element()},${text},${element()}]}`, RECEIVED_AT);
    assert.equal(commands.length, verdict === "kept" ? 3 : 2, "its neighbours are kept [P-59]");
    if (verdict === "kept") return assert.deepEqual(dropped, []);
    assert.equal(dropped.length, 1);
    assert.match(dropped[0]!.reason, verdict);
  });
}

Deno.test("decodePoll() tells the unknown command type, even beside a jsonrpc member [P-62, P-67]", () => {
  const { commands, dropped } = decodeOne(element({ command_type: '"shell"' }));
  assert.deepEqual(commands, []);
  assert.deepEqual(dropped, [{ reason: "unknown command_type", requestId: "req-1", commandType: "shell" }]);
});

Deno.test("decodePoll() dispatches by command_type, never by the presence of members [P-67]", () => {
  assert.equal(accepted({ command_type: '"oauth_discovery"' }).type, "oauth_discovery");
  const session = accepted({ command_type: '"session_termination"', headers: '{"Mcp-Session-Id":["s"]}' });
  assert.equal(session.type, "session_termination");
});

Deno.test("decodePoll() does not assume jsonrpc where the type is missing [P-61]", () => {
  assert.equal(decodeOne(element({ command_type: undefined })).commands.length, 0);
});

Deno.test("decodePoll() makes channel names canonical and defaults them to main [P-28, P-60]", () => {
  const cases = [[undefined, "main"], ["null", "main"], ['""', "main"], ['" "', "main"], [
    '" HARPOON "',
    "harpoon",
  ]];
  for (const [channel, expected] of cases) assert.equal(accepted({ channel }).channel, expected);
});

Deno.test("decodePoll() tells calls, notifications and responses apart [P-60]", () => {
  const cases: [message: string, kind: string, method: string, id: unknown][] = [
    ['{"jsonrpc":"2.0","id":1,"method":"m"}', "call", "m", 1],
    ['{"jsonrpc":"2.0","id":"1","method":"m"}', "call", "m", "1"],
    ['{"jsonrpc":"2.0","id":1.5,"method":"m"}', "call", "m", 1.5],
    ['{"jsonrpc":"2.0","id":-0,"method":"m"}', "call", "m", -0],
    ['{"jsonrpc":"2.0","method":"m"}', "notification", "m", undefined],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', "notification", "m", undefined],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', "response", "", 1],
    ['{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}', "response", "", "x"],
    ['{"jsonrpc":"2.0","id":1,"method":""}', "response", "", 1],
  ];
  for (const [message, kind, method, id] of cases) {
    const command = jsonrpc(message);
    assert.deepEqual([command.kind, command.method, command.id], [kind, method, id], message);
  }
});

Deno.test("decodePoll() matches member names of JSON-RPC exactly [P-63]", () => {
  const command = jsonrpc('{"jsonrpc":"2.0","ID":5,"Method":"x","method":"m"}');
  assert.deepEqual([command.kind, command.method], ["notification", "m"]);
});

Deno.test("decodePoll() takes the last of duplicate members, everywhere [P-63]", () => {
  const text = '{"commands":[1],"commands":[{"request_id":"old","jsonrpc":{"jsonrpc":"2.0","method":"old"},' +
    '"shard_token":"s","command_type":"oauth_discovery","command_type":"jsonrpc","request_id":"new",' +
    '"jsonrpc":{"jsonrpc":"2.0","id":1,"id":2,"method":"new"}}]}';
  const { commands } = decodePoll(text, 0);
  const command = commands[0] as JsonRpcCommand;
  assert.deepEqual([commands.length, command.requestId, command.method, command.id], [1, "new", "new", 2]);
  assert.equal(command.text, '{"jsonrpc":"2.0","id":1,"id":2,"method":"new"}');
});

Deno.test("decodePoll() cuts the message out as it was received [P-64, P-193]", () => {
  const message = '{ "jsonrpc" : "2.0",\n\t"id" : 12345678901234567890123456, "method":"m" ,"x":1.00,' +
    '"params":{"n":-0.0e-7,"n":1E400,"\\u0061":"\\ud83d\\ude00 😀"}, "future":[ ] }';
  assert.equal(jsonrpc(message).text, message);
});

Deno.test("decodePoll() keeps all header values in order, under the names that were received [P-65]", () => {
  const command = accepted({
    headers: '{"X-A":["1","2",""],"x-a":["3"],"empty":[],"none":null,"nulls":[null,"x"]}',
  });
  assert.deepEqual(command.headers, { "X-A": ["1", "2", ""], "x-a": ["3"], empty: [], nulls: ["", "x"] });
});

Deno.test("decodePoll() keeps header names that JavaScript treats specially", () => {
  const { headers } = accepted({ headers: '{"__proto__":["a"],"constructor":["b"]}' });
  assert.deepEqual(Object.keys(headers), ["__proto__", "constructor"]);
  const names: string[] = [];
  for (const name in headers) names.push(name);
  assert.deepEqual(names, ["__proto__", "constructor"]);
  assert.deepEqual(headers["__proto__"], ["a"]);
});

Deno.test("decodePoll() counts the deadline from the receipt, never from created_at [P-70]", () => {
  const cases: [text: string | undefined, deadlineAt: number][] = [
    ['"30s"', RECEIVED_AT + 30_000],
    ['"1500us"', RECEIVED_AT + 1.5],
    ['"0s"', RECEIVED_AT],
    ['"9223372036854775807ns"', RECEIVED_AT + 9_223_372_036_854.775807],
    ["null", Infinity],
    [undefined, Infinity],
    ['"1m30s"', Infinity],
    ["30", Infinity],
  ];
  for (const [text, deadlineAt] of cases) {
    const command = accepted({ response_timeout: text, created_at: '"2001-01-01T00:00:00Z"' });
    assert.equal(command.deadlineAt, deadlineAt, text);
  }
});

Deno.test("decodePoll() gives all commands of one poll the same receipt [P-70]", () => {
  const text = element({ response_timeout: '"1s"' });
  const { commands } = decodePoll(`{"commands":[${text},${text},${text}]}`, RECEIVED_AT);
  for (const command of commands) {
    assert.deepEqual([command.receivedAt, command.deadlineAt], [RECEIVED_AT, RECEIVED_AT + 1_000]);
  }
});

Deno.test("decodePoll() detects no duplicates: the same request twice is two commands [P-66]", () => {
  const { commands } = decodePoll(`{"commands":[${element()},${element()}]}`, 0);
  assert.deepEqual(commands.map((command) => command.requestId), ["req-1", "req-1"]);
});

Deno.test("decodePoll() names a dropped element only by a bounded part of its id and type [P-59]", () => {
  const long = "x".repeat(1_000);
  const { dropped } = decodePoll(
    `{"commands":[${element({ request_id: `"${long}"`, jsonrpc: "1" })},${
      element({ command_type: `"${long}"` })
    }]}`,
    0,
  );
  assert.equal(dropped[0]!.requestId?.length, 64);
  assert.equal(dropped[1]!.commandType?.length, 64);
});

Deno.test("property: decodePoll() hands on every message byte for byte, in order, whatever stands around it [P-64]", () => {
  const blank = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const message = fc.record({
    params: fc.jsonValue(),
    id: fc.oneof(fc.integer(), fc.string()),
    indent: fc.nat(3),
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(message, blank, blank, fc.boolean()), { maxLength: 8 }),
      blank,
      (items, outer) => {
        const texts = items.map(([{ params, id, indent }]) =>
          JSON.stringify({ jsonrpc: "2.0", id, method: "m", params, z: "}],[{" }, null, indent)
        );
        const elements = items.map(([, before, after, isBad], index) => {
          const good = element({
            request_id: `"r${index}"`,
            jsonrpc: `${before}${texts[index]}${after}`,
            z: '"],}"',
          });
          return isBad
            ? `${before}[{"jsonrpc":${texts[index]}}]${after},${good}`
            : `${before}${good}${after}`;
        });
        const { commands, dropped } = decodePoll(
          `${outer}{"commands"${outer}:${outer}[${elements.join(",")}]}`,
          0,
        );
        assert.deepEqual(commands.map((command) => command.requestId), texts.map((_, index) => `r${index}`));
        assert.deepEqual(commands.map((command) => (command as JsonRpcCommand).text), texts);
        assert.equal(dropped.length, items.filter(([, , , isBad]) => isBad).length);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("property: decodePoll() takes or refuses any body, and never breaks [P-58, P-59]", () => {
  const keys = fc.constantFrom(
    "commands",
    "request_id",
    "shard_token",
    "command_type",
    "channel",
    "created_at",
    "headers",
    "response_timeout",
    "jsonrpc",
    "id",
    "method",
    "__proto__",
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(
        "jsonrpc",
        "session_termination",
        "oauth_discovery",
        "2.0",
        "main",
        "1s",
        "",
        null,
        1,
        true,
      ),
      fc.string(),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(keys, tie("value")), { maxLength: 10 }).map((pairs) => ({ pairs })),
    ),
  }));
  const textOf = (one: unknown): string => {
    if (Array.isArray(one)) return `[${one.map(textOf).join(",")}]`;
    if (typeof one === "object" && one !== null && "pairs" in one) {
      const pairs = one.pairs as [string, unknown][];
      return `{${pairs.map(([name, inner]) => `${JSON.stringify(name)}:${textOf(inner)}`).join(",")}}`;
    }
    return JSON.stringify(one);
  };
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), (elements) => {
      const text = `{"commands":[${elements.map(textOf).join(",")}]}`;
      const { commands, dropped } = decodePoll(text, 0);
      assert.equal(commands.length + dropped.length, elements.length);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    try {
      decodePoll(text, 0);
    } catch (error) {
      assert(error instanceof PollBodyError, `${error}`);
    }
  }));
});
