/** Platforms that `deno compile` can build for. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** Name of the finished program: plain for this machine, with its platform otherwise. */
export function binaryName(target: string | undefined): string {
  const name = target === undefined ? "tunnel-client" : `tunnel-client-${target}`;
  return (target ?? Deno.build.target).includes("windows") ? `${name}.exe` : name;
}
