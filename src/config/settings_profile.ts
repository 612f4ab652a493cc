import { LITERAL, type Setting } from "./setting.ts";

const PROFILE = "Profile";

/** What selects the file that the other settings may stand in (CFG-22 … CFG-30). */
export const PROFILE_SETTINGS = [
  {
    name: "config",
    env: "TUNNEL_CLIENT_CONFIG",
    type: "path",
    default: "",
    references: LITERAL,
    emptyIsError: ["flag"],
    group: PROFILE,
    placeholder: "PATH",
    help: "Read this YAML file. At most one of --config, --profile and --profile-file.",
    example: "./tunnel-client.yaml",
  },
  {
    name: "profile",
    env: "TUNNEL_CLIENT_PROFILE",
    type: "string",
    default: "",
    references: LITERAL,
    emptyIsError: ["flag"],
    group: PROFILE,
    placeholder: "NAME",
    help: "Read the profile of this name: NAME.yaml in the profile directory.",
    example: "local-stdio",
  },
  {
    name: "profile-file",
    env: "TUNNEL_CLIENT_PROFILE_FILE",
    type: "path",
    default: "",
    references: LITERAL,
    emptyIsError: ["flag"],
    group: PROFILE,
    placeholder: "PATH",
    help: "Read this profile; the file must be called NAME.yaml.",
    example: "~/profiles/demo.yaml",
  },
  {
    name: "profile-dir",
    env: "TUNNEL_CLIENT_PROFILE_DIR",
    type: "path",
    default: "",
    references: LITERAL,
    emptyIsError: ["flag"],
    group: PROFILE,
    placeholder: "DIR",
    help:
      "Directory of the named profiles. Default: $XDG_CONFIG_HOME/tunnel-client, else ~/.config/tunnel-client.",
    example: "~/profiles",
  },
] as const satisfies readonly Setting[];
