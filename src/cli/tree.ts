import type { CommandEntry } from "./command.ts";
import { PROGRAM, ROOT } from "./commands.ts";
import type { PlacedCommand } from "./program.ts";

/** The program itself, where every walk begins. */
export const ROOT_PLACE: PlacedCommand = { path: PROGRAM, command: ROOT, inherited: [] };

/** What can be said below a command without loading any of it; nothing for one that does something. */
export function entriesOf({ command }: PlacedCommand): readonly CommandEntry[] {
  return command.kind === "group" ? command.children : [];
}

/** Loads one command directly below another one. */
export async function placeEntry(place: PlacedCommand, { name, load }: CommandEntry): Promise<PlacedCommand> {
  const flags = place.command.kind === "group" ? place.command.flags?.() ?? [] : [];
  return {
    path: `${place.path} ${name}`,
    command: await load(),
    inherited: [...place.inherited, ...flags],
  };
}

/** Loads every command, each group before those below it, in the order of the help pages. */
export async function everyCommand(place = ROOT_PLACE): Promise<readonly PlacedCommand[]> {
  const below = await Promise.all(
    entriesOf(place).map(async (entry) => await everyCommand(await placeEntry(place, entry))),
  );
  return [place, ...below.flat()];
}
