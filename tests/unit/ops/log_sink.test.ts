import assert from "node:assert/strict";
import {
  type ByteStream,
  createLogSink,
  createMetricStore,
  createRedactor,
  LogFileError,
  type LogSink,
  type LogSinkOptions,
} from "../../../src/ops/mod.ts";
import { memoryStream } from "../../support/ops_log.ts";

interface TestSink {
  readonly sink: LogSink;
  readonly stdout: ReturnType<typeof memoryStream>;
  readonly stderr: ReturnType<typeof memoryStream>;
  readonly metrics: ReturnType<typeof createMetricStore>;
}

function open(options: Partial<LogSinkOptions> = {}, stdout: ByteStream = memoryStream()): TestSink {
  const metrics = createMetricStore();
  const stderr = memoryStream();
  const sink = createLogSink({
    level: "info",
    format: "json",
    file: "",
    boundFields: { client_instance_id: "0123", tunnel_id: "tunnel_1" },
    redactor: createRedactor(),
    metrics,
    ...options,
  }, { stdout, stderr });
  return { sink, stdout: stdout as TestSink["stdout"], stderr, metrics };
}

const lines = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

function counted(metrics: TestSink["metrics"], name: string): number {
  return metrics.snapshot().counters.reduce(
    (sum, series) => series.name === name ? sum + series.value : sum,
    0,
  );
}

Deno.test("json goes to stdout, plain to stderr [R-19, L-1]", () => {
  const json = open();
  json.sink.log.info("a");
  assert.equal(lines(json.stdout.text())[0].msg, "a");
  assert.equal(json.stderr.text(), "");
  const plain = open({ format: "plain" });
  plain.sink.log.info("b");
  assert.match(plain.stderr.text(), / INFO b client_instance_id=0123 tunnel_id=tunnel_1\n$/);
  assert.equal(plain.stdout.text(), "");
});

Deno.test("every record starts with client_instance_id and tunnel_id, which win over its own fields [R-20, L-21]", () => {
  const { sink, stdout } = open();
  const log = sink.log.with({ component: "health" });
  log.info("a", { addr: "x", client_instance_id: "forged", component: "forged", gone: undefined });
  assert.deepEqual(Object.keys(lines(stdout.text())[0]), [
    "time",
    "level",
    "msg",
    "client_instance_id",
    "tunnel_id",
    "component",
    "addr",
  ]);
  assert.equal(lines(stdout.text())[0].client_instance_id, "0123");
  assert.equal(lines(stdout.text())[0].component, "health");
});

Deno.test("bound fields without a value are left out [L-7]", () => {
  const { sink, stdout } = open({ boundFields: { client_instance_id: "0123", tunnel_id: "" } });
  sink.log.info("a");
  assert.ok(!("tunnel_id" in lines(stdout.text())[0]));
});

Deno.test("the level is one threshold for own and foreign records and can change at run time [L-6]", () => {
  const { sink, stdout, metrics } = open();
  const foreign = (event: string) => sink.write([{ timeMs: 1, level: "debug", event, fields: {} }]);
  assert.equal(sink.log.enabled("debug"), false);
  sink.log.debug("hidden");
  foreign("hidden too");
  assert.equal(stdout.text(), "");
  sink.setLevel("debug");
  assert.equal(sink.log.enabled("debug"), true);
  sink.log.debug("shown");
  foreign("shown too");
  sink.setLevel("error");
  sink.log.warn("hidden again");
  assert.deepEqual(lines(stdout.text()).map(({ msg }) => msg), ["shown", "shown too"]);
  assert.equal(counted(metrics, "log_events_total"), 2);
});

Deno.test("write() keeps the time and order of foreign records and needs one system call", () => {
  const { sink, stdout } = open();
  sink.write([
    { timeMs: Date.UTC(2020, 0, 1), level: "info", event: "one", fields: { n: 1 } },
    { timeMs: Date.UTC(2020, 0, 1, 0, 0, 1), level: "error", event: "two", fields: {} },
  ]);
  assert.equal(stdout.writes, 1);
  assert.deepEqual(lines(stdout.text()).map(({ msg, time }) => [msg, Date.parse(time) % 60_000]), [
    ["one", 0],
    ["two", 1000],
  ]);
});

Deno.test("a line is written whole even when the stream takes it in small bites", () => {
  const { sink, stdout } = open({}, memoryStream(7));
  sink.log.info("a long enough event with ünïcödé", { value: "x".repeat(100) });
  assert.equal(lines(stdout.text())[0].msg, "a long enough event with ünïcödé");
});

Deno.test("the log file is appended to, created with mode 0600, and nothing goes to the console [L-3, CFG-94]", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const file = `${directory}/agent.log`;
    for (const event of ["first run", "second run"]) {
      const { sink, stdout, stderr } = open({ file, format: "struct-text" });
      sink.log.info(event);
      sink.close();
      assert.equal(stdout.text() + stderr.text(), "");
    }
    const text = await Deno.readTextFile(file);
    assert.match(text, /msg="first run".*\n.*msg="second run".*\n$/);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a log file that cannot be opened is an error that names setting, path and cause [L-3, CFG-94]", () => {
  assert.throws(
    () => open({ file: "/nonexistent-directory/agent.log" }),
    (error: unknown) =>
      error instanceof LogFileError &&
      /log\.file "\/nonexistent-directory\/agent\.log": no such file;/.test(error.message),
  );
});

Deno.test("a log that cannot be written neither throws nor goes unnoticed", () => {
  let broken = true;
  const target = memoryStream();
  const stream: ByteStream = {
    writeSync(bytes) {
      if (broken) throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
      return target.writeSync(bytes);
    },
  };
  const { sink, stderr, metrics } = open({}, stream);
  sink.log.info("lost 1");
  sink.write([
    { timeMs: 1, level: "info", event: "lost 2", fields: {} },
    { timeMs: 1, level: "info", event: "lost 3", fields: {} },
  ]);
  assert.equal(stderr.text(), "tunnel-client: cannot write to standard output: Broken pipe (os error 32)\n");
  assert.equal(counted(metrics, "log_records_dropped_total"), 3);
  broken = false;
  sink.log.info("back");
  sink.log.info("again");
  assert.deepEqual(lines(target.text()).map(({ msg, count }) => [msg, count]), [
    ["log records dropped", 3],
    ["back", undefined],
    ["again", undefined],
  ]);
});

Deno.test({
  name: "a full disk does not stop the program",
  ignore: Deno.build.os !== "linux",
  fn() {
    const { sink, stderr, metrics } = open({ file: "/dev/full" });
    sink.log.info("nowhere to go");
    sink.close();
    assert.match(stderr.text(), /^tunnel-client: cannot write to log file \/dev\/full: No space left/);
    assert.equal(counted(metrics, "log_records_dropped_total"), 1);
  },
});

Deno.test("a pipe that is full for a moment is waited for", () => {
  let refusals = 3;
  const target = memoryStream();
  const { sink } = open({}, {
    writeSync(bytes) {
      if (refusals-- > 0) throw new Deno.errors.WouldBlock("Resource temporarily unavailable");
      return target.writeSync(bytes);
    },
  });
  sink.log.info("patience");
  assert.equal(lines(target.text())[0].msg, "patience");
});

Deno.test("nothing is lost when the process exits right after a record", async () => {
  const mod = new URL("../../../src/ops/mod.ts", import.meta.url).href;
  const script = `import { createLogSink, createMetricStore, createRedactor } from "${mod}";
    const sink = createLogSink({ level: "info", format: "json", file: "", boundFields: {}, redactor: createRedactor(),
      metrics: createMetricStore() });
    for (let n = 0; n < 5000; n++) sink.log.info("event", { n });
    Deno.exit(3);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--config", new URL("../../../deno.json", import.meta.url).pathname, script],
    stdout: "piped",
    stderr: "inherit",
  });
  const { code, stdout } = await child.output();
  assert.equal(code, 3);
  assert.deepEqual(
    lines(new TextDecoder().decode(stdout)).map(({ n }) => n),
    Array.from({ length: 5000 }, (_, n) => n),
  );
});
