/** Inputs for the running agent: what one poll reply holds, and what the target says to the calls among it. */
import { joined, mutated, Random } from "./mutate.ts";
import { type Owed, readPoll } from "./oracle.ts";

/** Where the damage is. */
export type Surface = "poll" | "http-body" | "http-raw" | "stdio";

/** One input. */
export interface Case {
  readonly number: number;
  readonly surface: Surface;
  /** The damaged bytes: a poll body, an answer's body, a whole answer, or what a stdio server writes. */
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
/** Surfaces beside the poll. */
const ANSWERS: readonly Surface[] = ["http-body", "http-raw", "stdio"];
/** Whole bodies that are refused, and empty ones, make the agent pause; this share of them is kept. */
const KEEP_ONE_IN = 60;
/** Stands for every {@link handshakeCase}; no id holds it. */
export const HANDSHAKE_NUMBER = -2;

/** The input with this number, the same for the same seed: even numbers are polls, odd ones answers of a target. */
export function makeCase(seed: number, number: number): Case {
  const random = new Random(seed ^ Math.imul(number + 1, 0x9e3779b1));
  const surface = number % 2 === 0 ? "poll" : random.pick(ANSWERS);
  for (;;) {
    const bytes = BYTES[surface](number, random);
    if (surface !== "poll" || owedFor(bytes).length > 0 || random.oneIn(KEEP_ONE_IN)) {
      return { number, surface, bytes };
    }
  }
}

const BYTES: Readonly<Record<Surface, (number: number, random: Random) => Uint8Array>> = {
  "poll": (number, random) => {
    const body = encoder.encode(pollBody(number, random));
    return random.oneIn(3) ? body : mutated(body, encoder.encode(pollBody(number, random)), random);
  },
  "http-body": (number, random) => mutated(stream(number, random), stream(number, random), random),
  "http-raw": (number, random) => {
    const body = stream(number, random);
    const head = random.oneIn(2)
      ? `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n`
      : `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${
        body.length.toString(16)
      }\r\n`;
    const whole = joined(encoder.encode(head), body, encoder.encode(random.oneIn(2) ? "\r\n0\r\n\r\n" : ""));
    return mutated(whole, whole, random);
  },
  "stdio": (number, random) => mutated(lines(number, random), lines(number, random), random),
};

/** The body of a poll reply that makes the cases happen: one poll, or any number of answers. */
export function pollBodyOf(cases: readonly Case[]): Uint8Array {
  const [first] = cases;
  if (first?.surface === "poll") return first.bytes;
  const commands = cases.map(({ number, surface, bytes }) => {
    const channel = surface === "stdio" ? "stdio" : "main";
    const params = surface === "stdio" ? { bytes: btoa(String.fromCharCode(...bytes)) } : { fuzz: surface };
    return command(`case-${number}`, { channel, params });
  });
  return encoder.encode(`{"commands":[${commands.join(",")}]}`);
}

/** The poll that brings one message of a connector's handshake with the stdio server; undamaged, and no numbered case. */
export function handshakeCase(method: "initialize" | "notifications/initialized", serial: number): Case {
  const parts = { channel: "stdio", method, hasId: method === "initialize" };
  const bytes = encoder.encode(`{"commands":[${command(`handshake-${serial}`, parts)}]}`);
  return { number: HANDSHAKE_NUMBER, surface: "poll", bytes };
}

/** Number of the case that a request id, or the id of a call, belongs to; -1 when damage has hidden it. */
export function caseNumberOf(id: string): number {
  return Number(/^(?:call-)?case-(\d+)/.exec(id)?.[1] ?? -1);
}

/** What an agent owes for a poll body. */
export function owedFor(body: Uint8Array): readonly Owed[] {
  return readPoll(new TextDecoder().decode(body)) ?? [];
}

/** JSON-RPC id of a case's call. */
export function callId(number: number): string {
  return `call-case-${number}`;
}

interface CommandParts {
  readonly channel?: unknown;
  readonly params?: unknown;
  readonly method?: string;
  readonly hasId?: boolean;
}

function command(requestId: string, parts: CommandParts = {}): string {
  return JSON.stringify({
    request_id: requestId,
    shard_token: `shard of ${requestId}`,
    command_type: "jsonrpc",
    channel: parts.channel ?? "main",
    created_at: "2026-01-01T00:00:00Z",
    headers: { "X-Request-Id": ["connector"] },
    jsonrpc: {
      jsonrpc: "2.0",
      id: parts.hasId === false ? undefined : `call-${requestId}`,
      method: parts.method ?? "work",
      params: parts.params ?? {},
    },
  });
}

/** Values that stand in for good ones. */
const STRANGE = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "1e400",
  "9007199254740993",
  '""',
  '" "',
  '"\\\\"',
  '"\\\\\\""',
  '"]},{\\""',
  '{"\\\\":"{","id":[]}',
  '"\\u0000"',
  '"\\ud800"',
  '"🙂"',
  '"é"',
  "[]",
  "{}",
  "[null]",
  "[[]]",
  '{"a":1,"a":2}',
  '"__proto__"',
  '"tools/call"',
  '"0s"',
  '"1ns"',
  '"5s"',
  '"9223372036854775807ns"',
  '"1m30s"',
  '"session_termination"',
  '"oauth_discovery"',
  '"jsonrpc"',
  '"harpoon"',
  '"main"',
  '"stdio"',
  '" MAIN "',
  '"other"',
  '"2026-02-30T00:00:00Z"',
  '"2026-01-01T00:00:00+25:00"',
  '"a\\r\\nX-Smuggled: 1"',
  '{"X-Smuggled":["1"]}',
  '{"Mcp-Session-Id":["s"]}',
  '{"Mcp-Session-Id":["a\\r\\nX-Smuggled: 1"]}',
  '{"Host":["evil"],"Content-Length":["0"]}',
  '{"Transfer-Encoding":["chunked"],"Connection":["close, x-a"],"X-A":["1"]}',
  '{"\\r\\nX-Smuggled":["1"]}',
  '{"":[""]}',
  '{"Accept":["text/plain"],"Content-Type":["text/xml"],"Expect":["100-continue"]}',
  '{"Authorization":["Bearer é"]}',
];

function pollBody(number: number, random: Random): string {
  const commands: string[] = [];
  for (let count = 1 + random.below(4); count > 0; count--) {
    const id = `case-${number}-${count}`;
    const members: [string, string][] = [
      ["request_id", JSON.stringify(id)],
      ["shard_token", JSON.stringify(`shard of ${id}`)],
      [
        "command_type",
        random.pick(['"jsonrpc"', '"jsonrpc"', '"jsonrpc"', '"session_termination"', '"oauth_discovery"']),
      ],
      ["channel", random.pick(['"main"', '"main"', '"stdio"', '"nowhere"'])],
      ["created_at", '"2026-01-01T00:00:00.5+01:00"'],
      ["headers", random.pick(['{"Mcp-Session-Id":["s"],"X-Many":["1","2"]}', "null", ...STRANGE])],
      ["jsonrpc", message(id, random)],
    ];
    if (random.oneIn(6)) members.push(["response_timeout", random.pick(STRANGE)]);
    if (random.oneIn(5)) {
      members.push([random.pick(["extra", "jsonrpc", "request_id", "__proto__"]), random.pick(STRANGE)]);
    }
    if (random.oneIn(4)) {
      const at = random.below(members.length);
      members[at] = [members[at]?.[0] ?? "", random.pick(STRANGE)];
    }
    if (random.oneIn(12)) members.splice(random.below(members.length), 1);
    const text = objectText(members, random);
    // A name may be written with escapes.
    commands.push(random.oneIn(10) ? text.replace('"jsonrpc"', '"json\\u0072pc"') : text);
  }
  return `{"commands":[${commands.join(",")}]}`;
}

function message(id: string, random: Random): string {
  const members: [string, string][] = [
    ["jsonrpc", '"2.0"'],
    [
      "id",
      random.pick([
        `"call-${id}"`,
        `"call-${id}"`,
        "7",
        "-0.5",
        "123456789012345678901234567890",
        ...STRANGE,
      ]),
    ],
    ["method", random.pick(['"work"', '"work"', '"notifications/x"', '"initialize"', '"ping"', ...STRANGE])],
    ["params", random.pick(["{}", '{"_meta":{"progressToken":1}}', ...STRANGE])],
  ];
  if (random.oneIn(5)) members.splice(random.below(members.length), 1);
  return objectText(members, random);
}

/** Blanks and line ends stand wherever JSON allows them. */
function objectText(members: readonly (readonly [string, string])[], random: Random): string {
  const comma = random.pick([",", ",", " , ", ",\n", "\r\n,\t"]);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(comma)}}`;
}

const NOTE = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}';

function messagesFor(number: number, random: Random): string[] {
  const answer = `{"jsonrpc":"2.0","id":"${callId(number)}","result":{"text":"ok é 🙂"}}`;
  const ask = '{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{}}';
  const ping = '{"jsonrpc":"2.0","id":3,"method":"ping"}';
  const stray = '{"jsonrpc":"2.0","id":"nobody","result":1}';
  return [NOTE, ...[ask, ping, stray, NOTE].filter(() => random.oneIn(2)), answer];
}

function stream(number: number, random: Random): Uint8Array {
  const end = random.pick(["\n", "\r\n", "\r"]);
  const events = messagesFor(number, random).map((text, index) =>
    [random.oneIn(2) ? `id: ${index}` : ": c", "event: message", `data: ${text}`, "", ""].join(end)
  );
  return encoder.encode(random.oneIn(4) ? messagesFor(number, random).at(-1) ?? "" : events.join(""));
}

function lines(number: number, random: Random): Uint8Array {
  const end = random.pick(["\n", "\r\n", "\n\n"]);
  return encoder.encode(messagesFor(number, random).join(end) + (random.oneIn(2) ? end : ""));
}
