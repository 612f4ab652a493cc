import assert from "node:assert/strict";
import {
  ConfigError,
  configSourceLabel,
  InvalidValueError,
  loadConfiguration,
  parseProfileName,
  profilePath,
  resolveProfileDir,
} from "../../../src/config/mod.ts";
import { selectFile } from "../../../src/config/select_file.ts";
import { configSources, MINIMAL, type TestSources } from "../../support/config_sources.ts";

const HOME = { HOME: "/home/agent" };
type Selection = readonly [path: string, profile: string, dir: string, label: string];
const SELECTED: ReadonlyArray<
  [what: string, rule: string, flags: Record<string, string>, env: Record<string, string>, Selection]
> = [
  ["--config", "CFG-22", { config: " ./a.yml " }, {}, ["./a.yml", "", "", "./a.yml"]],
  ["--config with ~, which stays", "CFG-22", { config: "~/a" }, HOME, ["~/a", "", "", "~/a"]],
  ["TUNNEL_CLIENT_CONFIG", "CFG-22", {}, { TUNNEL_CLIENT_CONFIG: "/a" }, ["/a", "", "", "/a"]],
  ["--profile", "CFG-22, CFG-29", { profile: " demo " }, HOME, [
    "/home/agent/.config/tunnel-client/demo.yaml",
    "demo",
    "/home/agent/.config/tunnel-client",
    "profile:demo",
  ]],
  ["--profile with a directory", "CFG-29", { profile: "demo", "profile-dir": "~/p//q/" }, HOME, [
    "/home/agent/p/q/demo.yaml",
    "demo",
    "/home/agent/p/q",
    "profile:demo",
  ]],
  ["--profile-file", "CFG-28", { "profile-file": "~/p/../q/./demo.yaml" }, HOME, [
    "/home/agent/q/demo.yaml",
    "demo",
    "/home/agent/q",
    "profile-file:/home/agent/q/demo.yaml",
  ]],
  ["--profile-file here", "CFG-28", { "profile-file": "demo.yaml" }, {}, [
    "demo.yaml",
    "demo",
    ".",
    "profile-file:demo.yaml",
  ]],
  ["a flag, whatever the variables say", "CFG-23", { config: "/a" }, {
    TUNNEL_CLIENT_PROFILE: "x",
    TUNNEL_CLIENT_CONFIG: "/b",
  }, ["/a", "", "", "/a"]],
  ["a variable beside blank ones", "CFG-24", {}, {
    TUNNEL_CLIENT_PROFILE: "  ",
    TUNNEL_CLIENT_CONFIG: " /b ",
  }, ["/b", "", "", "/b"]],
];
for (const [what, rule, flags, env, [path, profile, dir, label]] of SELECTED) {
  Deno.test(`${what} selects ${path} [${rule}]`, () => {
    const selected = selectFile(Object.fromEntries(Object.entries(flags).map(([k, v]) => [k, [v]])), env);
    assert.equal(selected?.path, path);
    assert.equal(selected?.source.profile, profile);
    assert.equal(selected?.source.profileDir, dir);
    assert.equal(configSourceLabel(selected!.source), label);
  });
}

Deno.test("without a selector no file is read, also with a directory [CFG-25]", () => {
  assert.equal(selectFile({}, HOME), undefined);
  assert.equal(selectFile({ "profile-dir": ["/p"] }, { TUNNEL_CLIENT_PROFILE_DIR: "/q" }), undefined);
});

const REFUSED: ReadonlyArray<
  [what: string, rule: string, flags: Record<string, string>, env: Record<string, string>, RegExp]
> = [
  ["--config and --profile", "CFG-23", { config: "a", profile: "b" }, {}, /^--config and --profile cannot/],
  [
    "--profile and --profile-file",
    "CFG-23",
    { profile: "b", "profile-file": "c.yaml" },
    {},
    /^--profile and --profile-file cannot/,
  ],
  [
    "two variables",
    "CFG-23",
    {},
    { TUNNEL_CLIENT_CONFIG: "a", TUNNEL_CLIENT_PROFILE_FILE: "b.yaml" },
    /^TUNNEL_CLIENT_CONFIG and TUNNEL_CLIENT_PROFILE_FILE cannot/,
  ],
  [
    "a blank directory first",
    "CFG-24",
    { "profile-dir": " ", config: "" },
    {},
    /^--profile-dir must not be blank/,
  ],
  ["a blank --config", "CFG-7, CFG-24", { config: "" }, {}, /^--config must not be blank/],
  ["a blank --profile before a conflict", "CFG-24", { profile: " ", config: "a" }, {}, /^--profile must not/],
  [
    "a path as name",
    "CFG-27",
    { profile: "a/b" },
    HOME,
    /^--profile: profile name "a\/b" holds a path separator/,
  ],
  [
    "a name with a backslash",
    "CFG-27",
    {},
    { TUNNEL_CLIENT_PROFILE: "a\\b" },
    /^TUNNEL_CLIENT_PROFILE: .*separator/,
  ],
  ["..", "CFG-27", { profile: ".." }, HOME, /"\.\." is no profile name/],
  ["a name that begins with a dot", "CFG-27", { profile: ".a" }, HOME, /invalid profile name ".a"/],
  ["a file that ends in .yml", "CFG-28", { "profile-file": "/a.yml" }, {}, /"\/a.yml" does not end in .yaml/],
  ["a file that ends in .YAML", "CFG-28", { "profile-file": "/a.YAML" }, {}, /does not end in .yaml/],
  ["a file with a bad name", "CFG-28", { "profile-file": "/a b.yaml" }, {}, /invalid profile name "a b"/],
  ["~ without HOME", "CFG-30", { "profile-file": "~/a.yaml" }, {}, /--profile-file starts with ~ and HOME/],
  ["no place for profiles", "CFG-29", { profile: "a" }, {}, /neither HOME nor XDG_CONFIG_HOME is set/],
];
for (const [what, rule, flags, env, message] of REFUSED) {
  Deno.test(`${what} is refused [${rule}]`, () => {
    const given = Object.fromEntries(Object.entries(flags).map(([k, v]) => [k, [v]]));
    assert.throws(() => selectFile(given, env), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.problems[0]!.message, message);
      return true;
    });
  });
}

const DIRECTORIES: ReadonlyArray<
  [rule: string, flag: string | undefined, env: Record<string, string>, dir: string]
> = [
  ["CFG-29", "/f", { TUNNEL_CLIENT_PROFILE_DIR: "/v", XDG_CONFIG_HOME: "/x", ...HOME }, "/f"],
  ["CFG-29", undefined, { TUNNEL_CLIENT_PROFILE_DIR: "/v", XDG_CONFIG_HOME: "/x", ...HOME }, "/v"],
  [
    "CFG-29",
    undefined,
    { TUNNEL_CLIENT_PROFILE_DIR: " ", XDG_CONFIG_HOME: "/x", ...HOME },
    "/x/tunnel-client",
  ],
  ["CFG-29", undefined, { XDG_CONFIG_HOME: "", ...HOME }, "/home/agent/.config/tunnel-client"],
  ["CFG-30", "~", HOME, "/home/agent"],
  ["CFG-30", "~user/x", HOME, "~user/x"],
  ["CFG-30", "~\\x", HOME, "~\\x"],
  ["CFG-30", undefined, { XDG_CONFIG_HOME: "~/x", ...HOME }, "/home/agent/x/tunnel-client"],
];
for (const [rule, flag, env, dir] of DIRECTORIES) {
  Deno.test(`profiles are in ${dir} with ${JSON.stringify({ flag, ...env })} [${rule}]`, () => {
    assert.equal(resolveProfileDir(flag, env, "linux"), dir);
  });
}

Deno.test("on Windows a backslash separates as well [CFG-28]", () => {
  const selected = selectFile({ "profile-file": ["C:\\p\\..\\q\\demo.yaml"] }, {}, "windows");
  assert.deepEqual(
    [selected?.path, selected?.source.profile, selected?.source.profileDir],
    ["C:/q/demo.yaml", "demo", "C:/q"],
  );
  assert.throws(() => selectFile({ "profile-file": ["C:\\demo.yaml"] }, {}, "linux"), ConfigError);
});

Deno.test("on Windows, and nowhere else, APPDATA is the last resort [CFG-29]", () => {
  assert.equal(resolveProfileDir(undefined, { APPDATA: "C:\\A" }, "windows"), "C:\\A\\tunnel-client");
  assert.throws(() => resolveProfileDir(undefined, { APPDATA: "/a" }, "linux"), ConfigError);
});

Deno.test("parseProfileName() takes 128 characters and no more [CFG-27]", () => {
  assert.equal(parseProfileName(` ${"a".repeat(128)}\n`), "a".repeat(128));
  assert.equal(parseProfileName("0._-Z"), "0._-Z");
  for (const text of ["", " ", "a".repeat(129), "-a", "_a", "ä", "a b", "a/..", "C:\\x"]) {
    assert.throws(() => parseProfileName(text), InvalidValueError, text);
  }
  assert.equal(profilePath("/p/", "a"), "/p/a.yaml");
});

async function loadedFrom(sources: TestSources) {
  return await loadConfiguration(configSources(sources));
}

Deno.test("the selected file is read, kept byte for byte and named in the configuration [CFG-26, CFG-32]", async () => {
  const text = "# mine\nlog: {format: json}\n";
  const { config, file, warnings } = await loadedFrom({
    flags: { profile: "demo", "profile-dir": "/p" },
    env: MINIMAL,
    files: { "/p/demo.yaml": text },
  });
  assert.equal(config.log.format, "json");
  assert.deepEqual(config.source, {
    configFile: "",
    profile: "demo",
    profilePath: "/p/demo.yaml",
    profileDir: "/p",
    isProfileFile: false,
  });
  assert.deepEqual(file, { path: "/p/demo.yaml", text });
  assert.deepEqual(warnings, []);
});

Deno.test("a file that cannot be read is an error that names it [CFG-26]", async () => {
  for (
    const [flags, what] of [[{ config: "/no.yaml" }, "configuration file"], [
      { "profile-file": "/no.yaml" },
      "profile",
    ]] as const
  ) {
    await assert.rejects(loadedFrom({ flags, env: MINIMAL }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems[0]!.code, "unreadable_file");
      assert.equal(error.problems[0]!.message, `cannot read ${what} "/no.yaml": no such file`);
      assert.equal(error.problems[0]!.suggestion, "check the path, and that this user may read it");
      return true;
    });
  }
});

Deno.test("a name without a profile leads to the list of profiles, and to making one [CFG-26]", async () => {
  await assert.rejects(loadedFrom({ flags: { "profile": "wiki", "profile-dir": "/none" }, env: MINIMAL }), {
    message:
      'cannot read profile "/none/wiki.yaml": no such file; see tunnel-client profiles list, or make it with ' +
      "tunnel-client init",
  });
});

/** A module as `deno info` tells it. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly code?: { readonly specifier?: string } }[];
}

Deno.test("the YAML parser is not among the modules that every start loads", async () => {
  const root = new URL("../../../src/config/mod.ts", import.meta.url).href;
  const info = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", root],
    stdout: "piped",
    stderr: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(info.stdout)) as { modules: readonly Module[] };
  const reached = new Set([root]);
  // A set that grows while it is walked; imports of types alone load nothing.
  for (const specifier of reached) {
    const module = modules.find((known) => known.specifier === specifier);
    for (const { code } of module?.dependencies ?? []) {
      if (code?.specifier !== undefined) reached.add(code.specifier);
    }
  }
  assert.ok([...reached].some((specifier) => specifier.endsWith("/src/config/load_run_config.ts")));
  assert.deepEqual([...reached].filter((specifier) => /yaml_tree|npm:/.test(specifier)), []);
});
