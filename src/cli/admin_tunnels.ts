/** `tunnel-client admin tunnels …`: the tunnels of a control plane. */
import {
  AdminError,
  failureDocument,
  type ManagedTunnel,
  selectAdminKey,
  selectReadKey,
  TunnelsClient,
} from "../admin/mod.ts";
import { lastValue } from "../config/mod.ts";
import { adminHttpClient } from "./admin_client.ts";
import {
  baseOf,
  checkConfirmed,
  CREATE_FLAGS,
  DELETE_FLAGS,
  LIST_FLAGS,
  listFilter,
  listRange,
  newTunnel,
  tunnelUpdate,
  UPDATE_FLAGS,
  wantsJson,
} from "./admin_options.ts";
import { listText, tunnelText } from "./admin_text.ts";
import type { CommandCall, GroupCommand, LeafCommand, Positional } from "./command.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";
import { commandLines } from "./help_text.ts";
import type { CliIo } from "./io.ts";

const NEEDS_ADMIN_KEY =
  "It needs an admin key (OPENAI_ADMIN_KEY or --admin-key) with Tunnels Read and Manage permission.";
const ACTIVE_NOTE = "Wait 25-30 seconds: then the new tunnel is active and ready.\n";
const TUNNEL_ID: Positional = { name: "ID", help: "The tunnel, as list and create show it." };

const LIST: LeafCommand = {
  kind: "leaf",
  about: `Lists the tunnels of one organization, workspace or tenant, all pages of them. ${NEEDS_ADMIN_KEY}`,
  flags: () => LIST_FLAGS,
  sections: () => [{
    heading: "Example",
    text: commandLines("tunnel-client admin tunnels list --workspace-id WORKSPACE --json"),
  }],
  run: (call, io) =>
    told(call, io, async () => {
      const filter = listFilter(call.flags);
      const range = listRange(call.flags);
      const list = await withTunnels(call, io, selectAdminKey, (tunnels) => tunnels.list(filter, range));
      if (wantsJson(call.flags)) return io.stdout(json(list));
      io.stdout(listText(list));
      if (list.has_more) io.stderr(`there are more tunnels; go on with --after ${list.last_id}\n`);
    }),
};

const GET: LeafCommand = {
  kind: "leaf",
  about:
    "Shows one tunnel. This works with a runtime control-plane key (CONTROL_PLANE_API_KEY or OPENAI_API_KEY) of " +
    "that tunnel, or with an admin key (OPENAI_ADMIN_KEY or --admin-key), which wins when it is set.\n\n" +
    "Use --json to obtain organization_ids and workspace_ids for scripts.",
  positionals: [TUNNEL_ID],
  sections: () => [{ heading: "Example", text: commandLines("tunnel-client admin tunnels get ID --json") }],
  run: (call, io) =>
    told(call, io, async () => {
      const [id = ""] = call.args;
      show(call, io, await withTunnels(call, io, selectReadKey, (tunnels) => tunnels.get(id)));
    }),
};

const CREATE: LeafCommand = {
  kind: "leaf",
  about: `Creates a tunnel for at least one organization or workspace. ${NEEDS_ADMIN_KEY}\n\n` +
    "A new tunnel needs 25-30 seconds until it is active and ready.",
  flags: () => CREATE_FLAGS,
  required: ["name", "description"],
  sections: () => [{
    heading: "Example",
    text: commandLines(
      'tunnel-client admin tunnels create --name "Wiki" \\',
      '  --description "Search in the wiki" \\',
      "  --organization-id ORG --workspace-id WORKSPACE",
    ),
  }],
  run: (call, io) =>
    told(call, io, async () => {
      const wanted = newTunnel(call.flags);
      show(
        call,
        io,
        await withTunnels(call, io, selectAdminKey, (tunnels) => tunnels.create(wanted)),
        ACTIVE_NOTE,
      );
    }),
};

const UPDATE: LeafCommand = {
  kind: "leaf",
  about:
    "Changes a tunnel. What is not given stays as it is; organizations and workspaces that are given replace the " +
    `old ones. ${NEEDS_ADMIN_KEY}`,
  positionals: [TUNNEL_ID],
  flags: () => UPDATE_FLAGS,
  sections: () => [{
    heading: "Example",
    text: commandLines('tunnel-client admin tunnels update ID --name "New name" --organization-id ORG'),
  }],
  run: (call, io) =>
    told(call, io, async () => {
      const [id = ""] = call.args;
      const wanted = tunnelUpdate(call.flags);
      show(call, io, await withTunnels(call, io, selectAdminKey, (tunnels) => tunnels.update(id, wanted)));
    }),
};

const DELETE: LeafCommand = {
  kind: "leaf",
  about: `Deletes a tunnel: its agents and connectors are refused from then on. ${NEEDS_ADMIN_KEY}`,
  positionals: [TUNNEL_ID],
  flags: () => DELETE_FLAGS,
  sections: () => [{
    heading: "Example",
    text: commandLines("tunnel-client admin tunnels delete ID --confirm"),
  }],
  run: (call, io) =>
    told(call, io, async () => {
      const [id = ""] = call.args;
      checkConfirmed(call.flags, id);
      show(
        call,
        io,
        await withTunnels(call, io, selectAdminKey, (tunnels) => tunnels.delete(id)),
        "Deleted.\n",
      );
    }),
};

const ENTRIES: readonly (readonly [name: string, summary: string, command: LeafCommand])[] = [
  ["list", "List tunnels of an organization, workspace or tenant", LIST],
  ["get", "Show one tunnel", GET],
  ["create", "Create a tunnel", CREATE],
  ["update", "Change a tunnel", UPDATE],
  ["delete", "Delete a tunnel", DELETE],
];

/** `admin tunnels`. */
export const command: GroupCommand = {
  kind: "group",
  about: "Manages tunnels, of the OpenAI control plane or of a relay of your own.\n\n" +
    "get works with a runtime control-plane key (CONTROL_PLANE_API_KEY or OPENAI_API_KEY) or an admin key " +
    "(OPENAI_ADMIN_KEY). list, create, update and delete need an admin key, list and create also a scope: " +
    "--organization-id or --workspace-id.",
  children: ENTRIES.map(([name, summary, leaf]) => ({ name, summary, load: () => Promise.resolve(leaf) })),
};

/** Runs a command; what it could not do is told as text, or as a document on stdout with `--json` (A-20, C-14). */
async function told({ flags }: CommandCall, io: CliIo, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    if (wantsJson(flags)) io.stdout(json(failureDocument(error)));
    else io.stderr(`${error.message}\n`);
    return EXIT_FAILURE;
  }
}

async function withTunnels<T>(
  { flags }: CommandCall,
  { env }: CliIo,
  selectKey: typeof selectAdminKey,
  work: (tunnels: TunnelsClient) => Promise<T>,
): Promise<T> {
  const readTextFile = (path: string) => Deno.readTextFileSync(path);
  const key = selectKey({ reference: lastValue(flags, "admin-key") ?? "", env, readTextFile });
  const base = baseOf(flags, env);
  const client = adminHttpClient(flags, env, readTextFile);
  try {
    return await work(new TunnelsClient({ ...base, key, client }));
  } finally {
    client.close();
  }
}

/** @param note a line for people */
function show({ flags, args }: CommandCall, io: CliIo, tunnel: ManagedTunnel, note = ""): void {
  io.stdout(wantsJson(flags) ? json(tunnel) : tunnelText(tunnel, args[0]) + note);
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
