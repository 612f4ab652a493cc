/** Whatever is typed or written: a configuration, or a ConfigError that names what is wrong and shows no secret. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ConfigError,
  formatDuration,
  hostPattern,
  InvalidValueError,
  parseDuration,
  type Setting,
  SETTINGS,
  validateProfileText,
} from "../../../src/config/mod.ts";
import { fileShape, type Shape } from "../../../src/config/file_shape.ts";
import { loadAll, MINIMAL, type TestSources } from "../../support/config_sources.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 2 ** 31);
console.log(`seed ${SEED}; repeat with FUZZ_SEED=${SEED}`);
const RUNS = { seed: SEED, numRuns: 300 };
const SECRET = "hunter2SecretWord";
const settings: readonly Setting[] = SETTINGS;

/** Loads, and checks what must hold for a refusal. */
function loadOrRefuse(sources: TestSources): void {
  try {
    loadAll({ ...sources, env: { ...MINIMAL, ...sources.env } });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(error.problems.length > 0);
    for (const { message, suggestion, source, location } of error.problems) {
      assert.notEqual(message, "");
      assert.doesNotMatch(message + suggestion, /[\r\n]/);
      if (source === "yaml") assert.ok(location !== undefined && location.line > 0 && location.column > 0);
    }
  }
}

/** Texts that are nearly what settings hold. */
const scalar = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "~",
    "null",
    "main",
    "0",
    "-1",
    "1e3",
    "3.7",
    "30s",
    "5m",
    "true",
    "yes",
    "env:NAME",
    "env:",
    "file:/x",
    "file:",
    "http://h",
    "https://u:p@h/x?y",
    "http://[::1]:1",
    "X-A: b",
    "label=a,url=https://h",
    "channel=a,url=http://h",
    "command=x,channel=y",
    "[",
    "*a",
    "&a b",
    "!!int 5",
    "<<",
    "\t",
  ),
);

Deno.test("any text as a file loads or is a ConfigError", () => {
  const line = fc.tuple(
    fc.constantFrom("", "  ", "    ", "- ", "  - ", "\t"),
    fc.oneof(fc.constantFrom(...settings.flatMap(({ yaml }) => yaml?.split(".") ?? [])), fc.string()),
    fc.constantFrom(": ", ":", " "),
    scalar,
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.array(line).map((lines) => lines.join("\n"))),
      (yaml) => {
        loadOrRefuse({ yaml });
      },
    ),
    RUNS,
  );
});

/** Values that have the shape, or nearly. */
function valuesOf(shape: Shape): fc.Arbitrary<unknown> {
  const exact = (): fc.Arbitrary<unknown> => {
    switch (shape.kind) {
      case "list":
        return fc.array(valuesOf(shape.item), { maxLength: 3 });
      case "map":
        return fc.dictionary(
          fc.oneof(fc.string(), fc.constantFrom("X-A", "x-a", "A")),
          valuesOf(shape.value),
          { maxKeys: 3 },
        );
      case "object":
        return fc.record(Object.fromEntries([...shape.keys].map(([key, inner]) => [key, valuesOf(inner)])), {
          requiredKeys: [],
        });
      case "int":
        return fc.oneof(fc.integer(), fc.double());
      case "bool":
        return fc.boolean();
      case "text":
        return scalar;
    }
  };
  return fc.oneof({ weight: 20, arbitrary: exact() }, { weight: 1, arbitrary: fc.anything({ maxDepth: 1 }) });
}

Deno.test("any tree of the schema's keys loads or is a ConfigError, before and after writing", async () => {
  await fc.assert(
    fc.asyncProperty(valuesOf(fileShape()), async (tree) => {
      const yaml = JSON.stringify(tree, (_, value) => typeof value === "bigint" ? String(value) : value) ??
        "";
      loadOrRefuse({ yaml, env: { NAME: "value" }, files: { "/x": "content" } });
      for (const { message } of await validateProfileText(yaml, "/p/f.yaml")) assert.notEqual(message, "");
    }),
    RUNS,
  );
});

Deno.test("any text in any flag and variable loads or is a ConfigError", () => {
  const names = settings.filter(({ group }) => group !== "Profile");
  fc.assert(
    fc.property(fc.constantFrom(...names), scalar, fc.boolean(), (setting, text, asFlag) => {
      loadOrRefuse(asFlag ? { flags: { [setting.name]: text } } : { env: { [setting.env]: text } });
    }),
    { ...RUNS, numRuns: 1000 },
  );
});

Deno.test("any binding entry loads or is a ConfigError", () => {
  const part = fc.tuple(
    fc.constantFrom(
      "channel=",
      "url=",
      "command=",
      "unix-socket=",
      "http-proxy=",
      "client-cert=",
      "client-key=",
      "x=",
      "",
    ),
    scalar,
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 5 }),
      fc.constantFrom("mcp.server-url", "mcp.command", "harpoon.target"),
      (parts, name) => {
        loadOrRefuse({ flags: { [name]: parts.join(",") } });
      },
    ),
    { ...RUNS, numRuns: 1000 },
  );
});

Deno.test("a secret in a secret's place is never shown, however wrong it is", () => {
  const places = [
    "control-plane.api-key",
    "cloudflared.token",
    "control-plane.extra-headers",
    "mcp.extra-headers",
  ] as const;
  const around = fc.constantFrom("", " ", "\n", "\0", "é", ":", ",", ";", '"', "X-A: ", "Bearer ");
  fc.assert(
    fc.property(
      fc.constantFrom(...places),
      around,
      around,
      fc.constantFrom("flag", "env", "yaml"),
      (name, before, after, where) => {
        const setting = settings.find((row) => row.name === name)!;
        const text = `${before}${SECRET}${after}`;
        const [group, key] = setting.yaml!.split(".");
        const value = setting.type === "headers" ? { "X-A": text } : text;
        const sources: TestSources = where === "flag"
          ? { flags: { [name]: text } }
          : where === "env"
          ? { env: { [setting.env]: text } }
          : { yaml: JSON.stringify({ [group!]: { [key!]: value } }) };
        const { CONTROL_PLANE_API_KEY: standard, ...env } = MINIMAL;
        try {
          const { warnings } = loadAll({
            ...sources,
            env: {
              ...env,
              ...(where === "yaml" && name === "control-plane.api-key"
                ? {}
                : { CONTROL_PLANE_API_KEY: standard! }),
              ...sources.env,
            },
          });
          assert.ok(!JSON.stringify(warnings).includes(SECRET));
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          // The one thing that a header's name may be is a name.
          if (
            !(setting.type === "headers" && where === "flag" && /^[^:]*hunter2/.test(text) &&
              text.includes(":"))
          ) {
            assert.ok(!error.message.includes(SECRET), error.message);
          }
        }
      },
    ),
    RUNS,
  );
});

Deno.test("any text is a duration or an InvalidValueError, and durations survive being printed [CFG-15, CFG-16]", () => {
  const piece = fc.oneof(
    fc.constantFrom("-", "+", ".", "0", "5", "1.5", "ns", "us", "µs", "ms", "s", "m", "h", "d", " "),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")), (text) => {
      try {
        const ms = parseDuration(text);
        assert.ok(Number.isFinite(ms));
        assert.ok(Math.abs(parseDuration(formatDuration(ms)) - ms) <= Math.abs(ms) * 1e-9 + 1e-6, text);
      } catch (error) {
        assert.ok(error instanceof InvalidValueError, String(error));
      }
    }),
    { ...RUNS, numRuns: 2000 },
  );
});

Deno.test("any text is a host pattern or an InvalidValueError [CFG-88]", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        scalar,
        fc.string({ unit: fc.constantFrom("a", "(", ")", "[", "]", "\\", "?", "P", "<", "1", ":", "^") }),
      ),
      (text) => {
        try {
          hostPattern(text);
        } catch (error) {
          assert.ok(error instanceof InvalidValueError, String(error));
        }
      },
    ),
    RUNS,
  );
});

Deno.test("a file of nothing but brackets, aliases or anchors ends quickly in a ConfigError", () => {
  for (const yaml of ["[".repeat(20_000), "{a: ".repeat(5_000), "&a ".repeat(5_000), "- ".repeat(20_000)]) {
    loadOrRefuse({ yaml });
  }
  const bomb = [
    "a: &a [x, x]",
    ...Array.from(
      { length: 60 },
      (_, n) => `k${n}: &k${n} [${Array(9).fill(n === 0 ? "*a" : `*k${n - 1}`)}]`,
    ),
  ];
  loadOrRefuse({ yaml: bomb.join("\n") });
  const merges = [
    "m0: &m0 {x: 1}",
    ...Array.from({ length: 60 }, (_, n) => `m${n + 1}: &m${n + 1} {<<: [${Array(9).fill(`*m${n}`)}]}`),
  ];
  loadOrRefuse({ yaml: merges.join("\n") });
});
