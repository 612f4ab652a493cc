/** The system's Chromium, without a driver: it loads a page, lets it run, and prints what has become of it. */

const CHROMIUM = "/usr/bin/chromium";

/** The gate sets REQUIRE_ALL=1: there a missing browser is a failed test, elsewhere a skipped one. */
export const SKIP_BROWSER_TESTS = !present(CHROMIUM) && Deno.env.get("REQUIRE_ALL") !== "1";

export interface LoadedPage {
  /** The document after the page's scripts have run. */
  readonly dom: string;
  /** What the page wrote to the console, violations of its policy included. */
  readonly console: readonly string[];
}

/**
 * Loads a page.
 * @param lifeMs how long the page believes to have run when it is printed
 * @param flags further flags of Chromium
 */
export async function loadPage(
  url: string,
  lifeMs: number,
  flags: readonly string[] = [],
): Promise<LoadedPage> {
  const profile = await Deno.makeTempDir({ prefix: "chromium-" });
  try {
    const { stdout, stderr, success } = await new Deno.Command(CHROMIUM, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        `--user-data-dir=${profile}`,
        `--virtual-time-budget=${lifeMs}`,
        ...flags,
        "--dump-dom",
        url,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(60_000),
    }).output();
    const messages = new TextDecoder().decode(stderr);
    if (!success) throw new Error(`chromium failed: ${messages}`);
    return {
      dom: new TextDecoder().decode(stdout),
      console: messages.split("\n").filter((line) => line.includes("CONSOLE")),
    };
  } finally {
    await Deno.remove(profile, { recursive: true });
  }
}

function present(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
