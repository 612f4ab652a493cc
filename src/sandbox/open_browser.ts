/** Shows the page to whoever has started the program (`open-web-ui`). */
import { ExecutableNotFoundError, resolveExecutable } from "../channels/mod.ts";
import type { Log } from "../ops/mod.ts";

/** What a browser needs of the environment; no secret is among it. */
const PASSED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_.*|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_.*|DBUS_SESSION_BUS_ADDRESS|BROWSER|DESKTOP_SESSION|SYSTEMROOT|USERPROFILE|APPDATA|LOCALAPPDATA|TEMP|TMP)$/i;

/** Where and with what. */
export interface BrowserPlace {
  readonly os: typeof Deno.build.os;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Starts the system's opener and does not wait for it. A page that cannot be shown is a warning (CFG-103).
 * @param url of the page
 */
export async function openBrowser(url: string, { os, environment }: BrowserPlace, log: Log): Promise<void> {
  const failed = (error: string) =>
    log.warn("the page could not be opened in a browser; open it by hand", {
      component: "health",
      url,
      error,
    });
  const [program, ...args] = openerOf(os);
  if (os !== "darwin" && os !== "windows" && !hasDisplay(environment)) {
    return failed("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)");
  }
  const kept = Object.entries(environment).filter(([name]) => PASSED_ON.test(name));
  let child: Deno.ChildProcess;
  try {
    const path = await resolveExecutable(program, environment.PATH ?? environment.Path ?? "", Deno.cwd());
    child = new Deno.Command(path, {
      args: [...args, url],
      env: Object.fromEntries(kept),
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    const isExpected = error instanceof ExecutableNotFoundError || error instanceof Deno.errors.NotCapable ||
      error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotFound;
    if (!isExpected) throw error;
    return failed(error.message);
  }
  child.unref();
  void child.status.then(({ code, success }) => {
    if (!success) failed(`${program} ended with exit code ${code}`);
  });
}

function openerOf(os: BrowserPlace["os"]): readonly [program: string, ...args: string[]] {
  if (os === "darwin") return ["open"];
  // Not `start`, which is a word of the command interpreter and would read the URL as one of its lines.
  return os === "windows" ? ["rundll32", "url.dll,FileProtocolHandler"] : ["xdg-open"];
}

function hasDisplay({ DISPLAY = "", WAYLAND_DISPLAY = "" }: Readonly<Record<string, string>>): boolean {
  return DISPLAY !== "" || WAYLAND_DISPLAY !== "";
}
