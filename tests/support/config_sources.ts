import { ConfigError, type ConfigProblem, type LoadedConfig, type RunConfig } from "../../src/config/mod.ts";
import { buildConfiguration, type ConfigSources } from "../../src/config/load_run_config.ts";
import { readYamlTree } from "../../src/config/yaml_tree.ts";

export const TUNNEL_ID = "tunnel_0123456789abcdefghijklmnopqrstuv";
export const API_KEY = "sk-test_KEY-0123456789";

/** What a test sets: flags by the spelling that is typed, variables, and the files that references may read. */
export interface TestSources {
  readonly flags?: Record<string, string | readonly string[]>;
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly mainServerUrl?: string;
  /** Text of a profile that stands at {@link PROFILE_PATH}. */
  readonly yaml?: string;
}

export const PROFILE_PATH = "/p/demo.yaml";

/** The least that a configuration needs; what a test sets goes on top of it. */
export const MINIMAL: Record<string, string> = {
  CONTROL_PLANE_TUNNEL_ID: TUNNEL_ID,
  CONTROL_PLANE_API_KEY: API_KEY,
  MCP_SERVER_URL: "http://127.0.0.1:3000/mcp",
};

/** Loads a configuration from the minimal environment and what the test sets. */
export function load(sources: TestSources = {}): RunConfig {
  return loadBare({ ...sources, env: { ...MINIMAL, ...sources.env } });
}

/** Loads a configuration from what the test sets and nothing else. */
export function loadBare(sources: TestSources): RunConfig {
  return loadAll(sources).config;
}

/** As {@link loadBare}, with all that the loader tells. */
export function loadAll(sources: TestSources): LoadedConfig {
  const { yaml } = sources;
  const source = {
    configFile: "",
    profile: "demo",
    profilePath: PROFILE_PATH,
    profileDir: "/p",
    isProfileFile: false,
  };
  const file = yaml === undefined
    ? undefined
    : { path: PROFILE_PATH, source, text: yaml, tree: readYamlTree(yaml, PROFILE_PATH) };
  return buildConfiguration(configSources(sources), file);
}

/** What the loader is given for the sources of a test. */
export function configSources(sources: TestSources): ConfigSources {
  const flags = Object.fromEntries(
    Object.entries(sources.flags ?? {}).map((
      [name, values],
    ) => [name, typeof values === "string" ? [values] : values]),
  );
  return {
    flags,
    env: sources.env ?? {},
    readTextFile: (path) => {
      const content = sources.files?.[path];
      if (content === undefined) {
        throw new Deno.errors.NotFound(`No such file or directory (os error 2): ${path}`);
      }
      return content;
    },
    mainServerUrl: sources.mainServerUrl,
  };
}

/** The mistakes in a configuration, none when it is right. */
export function problemsOf(sources: TestSources): readonly ConfigProblem[] {
  return catchProblems(() => load(sources));
}

/** As {@link problemsOf}, without the minimal environment. */
export function problemsOfBare(sources: TestSources): readonly ConfigProblem[] {
  return catchProblems(() => loadBare(sources));
}

function catchProblems(attempt: () => unknown): readonly ConfigProblem[] {
  try {
    attempt();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}
