import assert from "node:assert/strict";
import {
  addProfile,
  deleteProfile,
  findProfile,
  listProfiles,
  readProfile,
} from "../../../src/profiles/mod.ts";
import { Folder } from "../../support/e2e_folder.ts";

function modeOf(path: string): string {
  return ((Deno.lstatSync(path).mode ?? 0) & 0o777).toString(8);
}

function namesIn(dir: string): readonly string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

Deno.test("addProfile() makes the directory 0700 and the file 0600, parents too [CFG-31, I-3]", async () => {
  await using folder = new Folder();
  const dir = folder.file("a/b");
  const profile = await addProfile(dir, "x", "config_version: 1\n", "create");
  assert.deepEqual(profile, { name: "x", path: `${dir}/x.yaml` });
  assert.deepEqual([folder.file("a"), dir, profile.path].map(modeOf), ["700", "700", "600"]);
  assert.deepEqual(namesIn(dir), ["x.yaml"], "no temporary file is left");
});

Deno.test("addProfile() never replaces what is there unless it is told to [I-3]", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("x.yaml"), "old", { mode: 0o644 });
  await assert.rejects(addProfile(folder.path, "x", "new", "create"), /already exists .*--force/);
  assert.equal(await folder.read("x.yaml"), "old");
  await addProfile(folder.path, "x", "new", "replace");
  assert.equal(await folder.read("x.yaml"), "new");
  assert.equal(modeOf(folder.file("x.yaml")), "600");
  assert.deepEqual(namesIn(folder.path), ["x.yaml"]);
});

Deno.test("addProfile() never writes through a symbolic link [issue 5 §1]", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("victim"), "precious", { mode: 0o644 });
  await Deno.symlink(folder.file("victim"), folder.file("x.yaml"));
  await Deno.symlink(folder.file("nothing"), folder.file("dangling.yaml"));
  await assert.rejects(addProfile(folder.path, "x", "new", "create"), /already exists/);
  await assert.rejects(addProfile(folder.path, "dangling", "new", "create"), /already exists/);
  await addProfile(folder.path, "x", "new", "replace");
  await addProfile(folder.path, "dangling", "new", "replace");
  assert.equal(await folder.read("victim"), "precious");
  assert.equal(modeOf(folder.file("victim")), "644");
  assert.equal(Deno.lstatSync(folder.file("x.yaml")).isSymlink, false);
  assert.equal(await folder.exists("nothing"), false);
});

Deno.test("of two that create the same profile at once, one wins and the other is told", async () => {
  await using folder = new Folder();
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, index) => addProfile(folder.path, "x", `text ${index}`, "create")),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  assert.match(await folder.read("x.yaml") ?? "", /^text \d$/);
  assert.deepEqual(namesIn(folder.path), ["x.yaml"]);
});

Deno.test("addProfile() says what stands in the way", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("file"), "");
  await Deno.mkdir(folder.file("x.yaml"));
  await assert.rejects(
    addProfile(folder.file("file/dir"), "x", "", "create"),
    /cannot create profile directory/,
  );
  await assert.rejects(addProfile(folder.path, "x", "", "replace"), /cannot write profile .*directory/);
  assert.deepEqual(namesIn(folder.path), ["file", "x.yaml"]);
});

Deno.test("listProfiles() takes .yaml files with a valid name, sorted by their bytes [CFG-33, P-4]", async () => {
  await using folder = new Folder();
  for (
    const name of ["b.yaml", "B.yaml", "a.b.yaml", "c.yml", ".hidden.yaml", "-x.yaml", "notes.txt", "d.YAML"]
  ) {
    await Deno.writeTextFile(folder.file(name), "");
  }
  await Deno.mkdir(folder.file("dir.yaml"));
  await Deno.symlink("b.yaml", folder.file("link.yaml"));
  assert.deepEqual((await listProfiles(folder.path)).map(({ name }) => name), ["B", "a.b", "b", "link"]);
  assert.deepEqual(await listProfiles(folder.file("missing")), []);
  await assert.rejects(listProfiles(folder.file("b.yaml")), /cannot list profile directory/);
});

Deno.test("findProfile() suggests the name that was meant", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("local-stdio.yaml"), "x");
  assert.equal((await findProfile(folder.path, " local-stdio ")).path, folder.file("local-stdio.yaml"));
  await assert.rejects(findProfile(folder.path, "local-stido"), /did you mean "local-stdio"\?/);
  await assert.rejects(findProfile(folder.path, "zzz"), /see tunnel-client profiles list/);
  await assert.rejects(findProfile(folder.path, "../x"), /path separator/);
});

Deno.test("deleteProfile() removes a link and not what it leads to; readProfile() wants UTF-8", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("a.yaml"), "x");
  await Deno.symlink("a.yaml", folder.file("l.yaml"));
  await deleteProfile(await findProfile(folder.path, "l"));
  assert.deepEqual(namesIn(folder.path), ["a.yaml"]);
  await Deno.writeFile(folder.file("bad"), new Uint8Array([0xff, 0xfe, 0x61]));
  await assert.rejects(readProfile(folder.file("bad")), /it is not UTF-8 text/);
  await assert.rejects(readProfile(folder.file("none")), /cannot read .*none": no such file/);
  await assert.rejects(readProfile(folder.path), /it is a directory/);
});
