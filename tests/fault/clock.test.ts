import assert from "node:assert/strict";
import { CHECKOUT } from "../support/e2e_program.ts";
import { Folder } from "../support/e2e_folder.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { eventually } from "../support/e2e_wait.ts";
import { FaultControlPlane } from "../support/fault_control_plane.ts";
import { POLL_FAULTS } from "../support/fault_polls.ts";
import { POST_FAULTS } from "../support/fault_posts.ts";
import { FaultTarget } from "../support/fault_target.ts";

const DRIVER = new URL("../support/fault_clock_driver.ts", import.meta.url).pathname;
const HOUR_MS = 3_600_000;

Deno.test("a wall clock that jumps moves no deadline, no wait and no readiness [P-186]", async () => {
  await using controlPlane = await FaultControlPlane.start();
  await using target = await FaultTarget.start();
  await using folder = new Folder();
  const flags = {
    "control-plane.base-url": [controlPlane.url],
    "control-plane.tunnel-id": [TUNNEL_ID],
    "control-plane.poll-timeout": ["300ms"],
    "mcp.server-url": [target.url],
    "health.listen-addr": ["127.0.0.1:0"],
    "health.url-file": [folder.file("url")],
    "log.format": ["json"],
    sandbox: ["off"],
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "--frozen", DRIVER, JSON.stringify(flags)],
    cwd: CHECKOUT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const log = new Response(child.stdout).text();
  const input = child.stdin.getWriter();
  const say = (line: string) => input.write(new TextEncoder().encode(line));
  try {
    const url = await eventually("the listener", () => folder.read("url"));
    const status = async () => {
      const response = await fetch(`${url}/readyz`);
      await response.body?.cancel();
      return response.status;
    };
    await eventually("readiness", async () => await status() === 200);
    for (const jumpMs of [-24 * HOUR_MS, 24 * HOUR_MS, 30 * 365 * 24 * HOUR_MS, -HOUR_MS, 0]) {
      const running = controlPlane.add({ params: { hold: true }, timeoutMs: 30_000 });
      await eventually("the call at its target", () => target.holding > 0 || running.answer !== undefined);
      await say(String(jumpMs));
      let faults = 0;
      controlPlane.onPoll = () => faults++ === 0 ? POLL_FAULTS["429 with Retry-After: 0"] : undefined;
      controlPlane.onPost = ({ attempt }) =>
        attempt === 0 ? POST_FAULTS["503 with Retry-After: 0"] : undefined;
      target.release();
      const startedAt = performance.now();
      for (const order of [running, controlPlane.add({ timeoutMs: 30_000 }), controlPlane.add()]) {
        assert.equal((await controlPlane.answerTo(order)).respCode, 200, `after a jump to ${jumpMs} ms`);
      }
      assert.ok(performance.now() - startedAt < 5_000, "a wait has grown");
      assert.equal(await status(), 200, `readiness after a jump to ${jumpMs} ms`);
    }
    await say("\n");
    assert.equal((await child.status).code, 0);
    controlPlane.checkLaw();
    assert.deepEqual(target.executedTwice(), []);
    const stopped = (await log).split("\n").filter((line) => line.includes('"tunnel-client stopped"'));
    assert.equal(JSON.parse(stopped[0]!).answered, 15);
  } finally {
    await input.close().catch(() => {});
    endForSure(child);
    await log;
  }
});

function endForSure(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
}
