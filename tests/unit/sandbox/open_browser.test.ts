import assert from "node:assert/strict";
import { openBrowser } from "../../../src/sandbox/open_browser.ts";
import { Changes } from "../../support/agent_changes.ts";
import { RecordedLog } from "../../support/agent_recorders.ts";
import { Folder } from "../../support/e2e_folder.ts";
import { eventually } from "../../support/e2e_wait.ts";

const URL_OF_PAGE = "http://127.0.0.1:8080/ui";
const ignore = Deno.build.os === "windows";

/** A folder with an opener of the system that does this. */
async function opener(script: string, name = "xdg-open"): Promise<Folder> {
  const folder = new Folder();
  await Deno.writeTextFile(folder.file(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

for (const [os, program] of [["linux", "xdg-open"], ["darwin", "open"]] as const) {
  Deno.test(
    `openBrowser() gives the page to ${program}, with no more of the environment than a browser needs [CFG-103]`,
    { ignore },
    async () => {
      const { log, records } = new RecordedLog(new Changes());
      await using folder = await opener(
        'printf "%s" "$1 $SECRET $DISPLAY" > "$XDG_RUNTIME_DIR/seen"',
        program,
      );
      const environment = {
        PATH: folder.file(""),
        XDG_RUNTIME_DIR: folder.file(""),
        DISPLAY: ":7",
        SECRET: "hidden",
      };
      await openBrowser(URL_OF_PAGE, { os, environment }, log);
      await eventually("the opener has run", async () => await folder.read("seen") === `${URL_OF_PAGE}  :7`);
      assert.deepEqual(records, []);
    },
  );
}

for (
  const [what, script, environment, error] of [
    ["there is no display", "true", {}, /no display/],
    ["there is no opener", undefined, { DISPLAY: ":0" }, /xdg-open/],
    ["the opener fails", "exit 3", { WAYLAND_DISPLAY: "w" }, /exit code 3/],
  ] as const
) {
  Deno.test(`openBrowser() warns and goes on when ${what} [CFG-103]`, { ignore }, async () => {
    const recorded = new RecordedLog(new Changes());
    await using folder = await opener(script ?? "", script === undefined ? "other" : "xdg-open");
    const place = { os: "linux" as const, environment: { PATH: folder.file(""), ...environment } };
    await openBrowser(URL_OF_PAGE, place, recorded.log);
    await eventually("the warning", () => recorded.records.length === 1);
    const { level, fields } = recorded.one("the page could not be opened in a browser; open it by hand");
    assert.equal(level, "warn");
    assert.equal(fields.url, URL_OF_PAGE);
    assert.match(String(fields.error), error);
  });
}
