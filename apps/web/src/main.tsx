import "./design/base.css";

document.title = "Parlance";
