/** The `SystemCallFilter=` of a unit as a program for the kernel, so that it can be tried without systemd as the first process. */

const HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
/** Parts of a classic BPF program (linux/filter.h) and its verdicts (linux/seccomp.h). */
const LOAD_NUMBER = [0x20, 0, 0, 0] as const;
const RETURN = 0x06;
const JUMP_IF_EQUAL = 0x15;
const ALLOW = 0x7fff0000;
const FAIL_WITH_EPERM = 0x00050001;

/** Whether this machine can tell names and numbers of system calls. */
export async function canFilter(): Promise<boolean> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") return false;
  try {
    await Deno.stat(HEADER);
    return (await run("bwrap", ["--ro-bind", "/", "/", "true"])).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Builds the program: what is named may be called, everything else fails with EPERM.
 * @param settings values of `SystemCallFilter=` in order; those that begin with `~` take away
 */
export async function seccompFilter(settings: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const allowed = await namesOf("@default");
  for (const setting of settings) {
    for (const word of setting.replace(/^~/, "").split(/\s+/)) {
      for (const name of await namesOf(word)) {
        if (setting.startsWith("~")) allowed.delete(name);
        else allowed.add(name);
      }
    }
  }
  const numbers = new Map(
    [...(await Deno.readTextFile(HEADER)).matchAll(/^#define __NR_(\w+) (\d+)$/gm)]
      .map(([, name = "", number]) => [name, Number(number)]),
  );
  const program: (readonly [code: number, jumpTrue: number, jumpFalse: number, value: number])[] = [
    LOAD_NUMBER,
  ];
  for (const name of allowed) {
    const number = numbers.get(name);
    if (number !== undefined) program.push([JUMP_IF_EQUAL, 0, 1, number], [RETURN, 0, 0, ALLOW]);
  }
  program.push([RETURN, 0, 0, FAIL_WITH_EPERM]);
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([code, jumpTrue, jumpFalse, value], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, value, true);
  });
  return new Uint8Array(view.buffer);
}

async function namesOf(word: string): Promise<Set<string>> {
  if (!word.startsWith("@")) return new Set([word]);
  const { stdout } = await run("systemd-analyze", ["syscall-filter", word]);
  const names = new Set<string>();
  for (const line of stdout.split("\n").slice(1).map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("@")) { for (const name of await namesOf(line)) names.add(name); }
    else names.add(line);
  }
  return names;
}

async function run(program: string, args: readonly string[]) {
  const { success, stdout } = await new Deno.Command(program, { args: [...args], stderr: "null" }).output();
  return { success, stdout: new TextDecoder().decode(stdout) };
}
