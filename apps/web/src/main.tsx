import "./design/base.css";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { Broken } from "./shell/broken.tsx";
import { applyTheme } from "./shell/theme.ts";

applyTheme();
createRoot(document.getElementById("root") as HTMLElement).render(
  <Broken>
    <App />
  </Broken>,
);
