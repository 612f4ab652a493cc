/** `tunnel-client admin …`: managing a control plane. */
import { ADMIN_FLAGS } from "./admin_options.ts";
import type { GroupCommand } from "./command.ts";
import { loadCommand } from "./load_module.ts";

/** `admin`. */
export const command: GroupCommand = {
  kind: "group",
  about:
    "Manages a control plane with an admin key. Reads flags and variables only, no profile: an admin key does not " +
    "belong in the profile of an agent.",
  flags: () => ADMIN_FLAGS,
  children: [{
    name: "tunnels",
    summary: "List, show, create, change and delete tunnels",
    load: () => loadCommand<typeof import("./admin_tunnels.ts")>("./admin_tunnels.ts", import.meta.url),
  }],
};
