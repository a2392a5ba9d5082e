import "./design/base.css";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { Broken } from "./shell/broken.tsx";
import { keepPage } from "./shell/offline.ts";
import { applyTheme } from "./shell/theme.ts";

applyTheme();
keepPage();
createRoot(document.getElementById("root") as HTMLElement).render(
  <Broken>
    <App />
  </Broken>,
);
