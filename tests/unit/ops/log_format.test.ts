import assert from "node:assert/strict";
import { lineFormatter } from "../../../src/ops/log_format.ts";
import type { LogFields } from "../../../src/ops/mod.ts";
import { rfc3339Local, slashedLocal } from "../../../src/ops/time_text.ts";

const TIME_MS = Date.UTC(2026, 10, 21, 10, 17, 23, 4);

function line(format: "plain" | "struct-text" | "json", event: string, fields: LogFields = {}): string {
  return lineFormatter(format)({ timeMs: TIME_MS, level: "warn", event, fields });
}

Deno.test("plain lines are YYYY/MM/DD HH:MM:SS LEVEL message key=value [L-1, CFG-92]", () => {
  assert.equal(
    line("plain", "poll failed; backing off", { error: "HTTP 503", retry_in_ms: 200, paused: false }),
    `${slashedLocal(TIME_MS)} WARN poll failed; backing off error="HTTP 503" retry_in_ms=200 paused=false\n`,
  );
  assert.match(slashedLocal(TIME_MS), /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d$/);
});

Deno.test("struct-text lines are logfmt with quotes where needed [L-5, CFG-93]", () => {
  assert.equal(
    line("struct-text", "pid file written", {
      pid: 7,
      path: "/a b",
      "=": "",
      quote: 'say "x"',
      plain: "ä/b:c",
    }),
    `time=${rfc3339Local(TIME_MS)} level=WARN msg="pid file written" pid=7 path="/a b" "="="" ` +
      `quote="say \\"x\\"" plain=ä/b:c\n`,
  );
});

Deno.test("struct-text turns objects into dotted names and lists into JSON", () => {
  const text = line("struct-text", "channels", {
    a: { b: { c: 1 }, d: "x" },
    urls: ["1:http://h", "2"],
    gone: undefined,
  });
  assert.ok(text.endsWith(` a.b.c=1 a.d=x urls="[\\"1:http://h\\",\\"2\\"]"\n`), text);
});

Deno.test("json lines are one object: time, level, msg, then the fields in order [L-4, CFG-93]", () => {
  const text = line("json", "🟢 tunnel-client started", {
    client_instance_id: "i",
    n: 1.5,
    list: ["a"],
    gone: undefined,
  });
  assert.deepEqual(JSON.parse(text), {
    time: rfc3339Local(TIME_MS),
    level: "WARN",
    msg: "🟢 tunnel-client started",
    client_instance_id: "i",
    n: 1.5,
    list: ["a"],
  });
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 4), ["time", "level", "msg", "client_instance_id"]);
});

Deno.test("no format lets a field hide time, level or msg [L-4]", () => {
  const fields = { level: "x", msg: "y", time: "z" };
  const parsed = JSON.parse(line("json", "event", fields));
  assert.equal(parsed.level, "WARN");
  assert.deepEqual([parsed.level_, parsed.msg_, parsed.time_], ["x", "y", "z"]);
  assert.ok(line("struct-text", "event", fields).endsWith("level_=x msg_=y time_=z\n"));
});

for (const format of ["plain", "struct-text", "json"] as const) {
  Deno.test(`${format} keeps hostile text on one line and out of the terminal`, () => {
    const hostile = "a\nlevel=ERROR\r\u001b[2J\u0085\u2028\u202e\u009b";
    const text = line(format, hostile, { value: hostile, [hostile]: 1 });
    assert.equal(text.indexOf("\n"), text.length - 1);
    // deno-lint-ignore no-control-regex -- the characters that must not come through
    assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    if (format === "json") assert.equal(JSON.parse(text).value, hostile);
  });
}

for (
  const [zone, expected] of [
    ["UTC", "2026-11-21T10:17:23.004Z 2026/11/21 10:17:23"],
    ["Asia/Kolkata", "2026-11-21T15:47:23.004+05:30 2026/11/21 15:47:23"],
    ["America/St_Johns", "2026-11-21T06:47:23.004-03:30 2026/11/21 06:47:23"],
  ] as const
) {
  Deno.test(`log times carry milliseconds and the offset of ${zone} [L-4, L-5]`, async () => {
    const module = new URL("../../../src/ops/time_text.ts", import.meta.url).href;
    const script = `import { rfc3339Local, slashedLocal } from "${module}";
      console.log(rfc3339Local(${TIME_MS}), slashedLocal(${TIME_MS}));`;
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", script],
      env: { TZ: zone },
      stdout: "piped",
      stderr: "inherit",
    }).output();
    assert.equal(new TextDecoder().decode(output.stdout).trim(), expected);
  });
}
