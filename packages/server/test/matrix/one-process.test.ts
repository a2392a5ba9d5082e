import { openScene } from "../support/server.ts";
import { matrix } from "./matrix.ts";

matrix("one process", async () => {
  const scene = await openScene("matrix");
  return { servers: [await scene.start()], close: scene.close };
});
