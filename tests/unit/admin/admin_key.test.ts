import assert from "node:assert/strict";
import { AdminError, selectAdminKey, selectReadKey } from "../../../src/admin/mod.ts";

type Env = Record<string, string>;

function sources(reference: string, env: Env = {}, files: Record<string, string> = {}) {
  return {
    reference,
    env,
    readTextFile: (path: string) => {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(`No such file (os error 2): ${path}`);
      return text;
    },
  };
}

/** What selecting the key ends in: the key, or the message of its error. */
function outcome(select: typeof selectAdminKey, ...from: Parameters<typeof sources>): string {
  try {
    return select(sources(...from));
  } catch (error) {
    assert.ok(error instanceof AdminError, String(error));
    return error.message;
  }
}

const BOTH = [selectAdminKey, selectReadKey] as const;

Deno.test("an admin key comes from the flag's reference, else from OPENAI_ADMIN_KEY, trimmed [A-3]", () => {
  for (const select of BOTH) {
    assert.equal(outcome(select, "", { OPENAI_ADMIN_KEY: " admin \n" }), "admin");
    assert.equal(outcome(select, "env:K", { K: " flag ", OPENAI_ADMIN_KEY: "admin" }), "flag");
    assert.equal(
      outcome(select, "file:/k", { OPENAI_ADMIN_KEY: "admin" }, { "/k": "from file\n".replace(" ", "-") }),
      "from-file",
    );
  }
});

Deno.test("a key itself is no value for --admin-key, whatever it looks like [A-3, CFG-150]", () => {
  for (const select of BOTH) {
    for (const literal of ["sk-admin-secret", "ENV:K", "File:/k", " env:K", "sk-admin-secret env:K"]) {
      const said = outcome(select, literal, {
        K: "key",
        OPENAI_ADMIN_KEY: "key",
        CONTROL_PLANE_API_KEY: "key",
      });
      assert.match(said, /^admin-key must use env: or file: prefixes/);
      assert.ok(!said.includes("secret"));
    }
  }
});

Deno.test("every way to have no admin key is told apart [A-3]", () => {
  const table: readonly (readonly [reference: string, env: Env, said: RegExp])[] = [
    ["", {}, /^admin key is required: set OPENAI_ADMIN_KEY, or pass --admin-key/],
    ["", { OPENAI_ADMIN_KEY: " " }, /^OPENAI_ADMIN_KEY must be non-empty$/],
    ["env:", {}, /name of the variable is missing after env:$/],
    ["file:", {}, /path is missing after file:$/],
    ["env:NONE", { OPENAI_ADMIN_KEY: "key" }, /environment variable NONE is not set$/],
    ["env:BLANK", { BLANK: "\t", OPENAI_ADMIN_KEY: "key" }, /environment variable BLANK is empty$/],
    ["file:/none", { OPENAI_ADMIN_KEY: "key" }, /cannot read file "\/none": no such file; check the path$/],
    ["file:/blank", { OPENAI_ADMIN_KEY: "key" }, /file "\/blank" is empty$/],
    ["env:TWO", { TWO: "two words-secret" }, /the key in variable TWO is malformed/],
    ["env:TWO", { TWO: "line\nbreak-secret" }, /the key in variable TWO is malformed/],
    ["file:/two", {}, /the key in file "\/two" is malformed/],
  ];
  for (const [reference, env, said] of table) {
    const told = outcome(selectAdminKey, reference, env, { "/blank": " \n", "/two": "é-secret" });
    assert.match(told, said);
    assert.ok(!told.includes("secret"));
  }
});

Deno.test("runtime keys never list, create, update or delete [A-4]", () => {
  const env = { CONTROL_PLANE_API_KEY: "runtime", OPENAI_API_KEY: "runtime" };
  assert.match(outcome(selectAdminKey, "", env), /^admin key is required/);
  assert.match(outcome(selectAdminKey, "env:OPENAI_ADMIN_KEY", env), /OPENAI_ADMIN_KEY is not set$/);
});

Deno.test("get takes a runtime key only when no admin key is meant [A-5]", () => {
  const runtime = { CONTROL_PLANE_API_KEY: " runtime ", OPENAI_API_KEY: "fallback" };
  for (const reference of ["", "env:OPENAI_ADMIN_KEY"]) {
    const unset: readonly Env[] = [{}, { OPENAI_ADMIN_KEY: "" }, { OPENAI_ADMIN_KEY: " " }];
    for (const admin of unset) {
      assert.equal(outcome(selectReadKey, reference, { ...runtime, ...admin }), "runtime");
      assert.equal(
        outcome(selectReadKey, reference, { ...runtime, ...admin, CONTROL_PLANE_API_KEY: " " }),
        "fallback",
      );
    }
    assert.equal(outcome(selectReadKey, reference, { ...runtime, OPENAI_ADMIN_KEY: "admin" }), "admin");
  }
  assert.match(outcome(selectReadKey, "env:OTHER", runtime), /OTHER is not set$/);
  assert.match(outcome(selectReadKey, "file:/none", runtime), /no such file; check the path$/);
  assert.match(
    outcome(selectReadKey, "", { OPENAI_API_KEY: " " }),
    /^admin key is required.*; the runtime key in CONTROL_PLANE_API_KEY or OPENAI_API_KEY would do as well$/,
  );
});
