import assert from "node:assert/strict";
import { commandsFor, shellWord } from "../../../src/doctor/commands.ts";

Deno.test("commandsFor() repeats what selected the file, a flag before a variable [D-7]", () => {
  const run = (flags: Record<string, string[]>, env: Record<string, string> = {}) =>
    commandsFor(flags, env).run;
  assert.equal(run({}), "tunnel-client run");
  assert.equal(run({ profile: ["wiki"] }), "tunnel-client run --profile wiki");
  assert.equal(run({ "profile-file": ["./p/wiki.yaml"] }), "tunnel-client run --profile-file ./p/wiki.yaml");
  assert.equal(run({ config: ["/etc/t.yaml"] }), "tunnel-client run --config /etc/t.yaml");
  assert.equal(run({}, { TUNNEL_CLIENT_PROFILE: "env" }), "tunnel-client run --profile env");
  assert.equal(
    run({ config: ["c.yaml"] }, { TUNNEL_CLIENT_PROFILE: "env" }),
    "tunnel-client run --config c.yaml",
  );
});

Deno.test("commandsFor() repeats a directory of profiles that was given, in quotes where a shell needs them [X-10]", () => {
  const flags = { "profile": ["wiki"], "profile-dir": ["/srv/my profiles"] };
  const { run, doctor } = commandsFor(flags, {});
  assert.equal(run, "tunnel-client run --profile wiki --profile-dir '/srv/my profiles'");
  assert.equal(doctor, "tunnel-client doctor --profile wiki --profile-dir '/srv/my profiles' --explain");
  assert.equal(commandsFor({ "profile-dir": ["/x"] }, {}).run, "tunnel-client run", "it selects nothing");
});

Deno.test("shellWord() leaves plain words alone, and no quote ends another one", () => {
  assert.equal(shellWord("a/b-c.d_e"), "a/b-c.d_e");
  assert.equal(shellWord("it's $HOME"), `'it'\\''s $HOME'`);
  assert.equal(shellWord(""), "''");
});
