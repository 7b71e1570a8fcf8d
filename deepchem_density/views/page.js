"use strict";
(function () {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const main = document.getElementById("panels");
  const viewers = [];

  function element(parent, tag, attributes, text) {
    const made = document.createElement(tag);
    Object.assign(made, attributes || {});
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  // Half precision: 1 bit of sign, 5 of the exponent, 10 of the fraction.
  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const halves = new DataView(bytes.buffer);
    const values = new Float32Array(bytes.length / 2);
    for (let i = 0; i < values.length; i++) {
      const bits = halves.getUint16(2 * i, true);
      const exponent = (bits >> 10) & 31, fraction = bits & 1023;
      const size = exponent ? Math.pow(2, exponent - 25) * (1024 + fraction) : Math.pow(2, -24) * fraction;
      values[i] = bits & 32768 ? -size : size;
    }
    return values;
  }

  function volume(panel, channel) {
    const made = new $3Dmol.VolumeData("", "");
    const s = panel.steps, o = panel.origin;
    made.size = { x: panel.shape[0], y: panel.shape[1], z: panel.shape[2] };
    made.unit = { x: 1, y: 1, z: 1 };
    made.origin = { x: 0, y: 0, z: 0 };
    made.matrix = new $3Dmol.Matrix4(
      s[0][0], s[0][1], s[0][2], o[0],
      s[1][0], s[1][1], s[1][2], o[1],
      s[2][0], s[2][1], s[2][2], o[2],
      0, 0, 0, 1);
    made.data = decoded(channel.values);
    return made;
  }

  function addAtoms(viewer) {
    const named = (atoms) => atoms.map((atom, i) => Object.assign(
      { serial: i, index: i, hetflag: true, bondOrder: atom.bonds.map(() => 1), properties: {} }, atom));
    if (scene.around.length) {
      const around = viewer.addModel();
      around.addAtoms(named(scene.around));
      around.setStyle({}, { stick: { radius: 0.06, opacity: 0.9, colorscheme: "Jmol" }, sphere: { scale: 0.06 } });
      around.setStyle({ bonds: 0 }, { sphere: { scale: 0.14 } });
    }
    if (scene.atoms.length) {
      const ligand = viewer.addModel();
      ligand.addAtoms(named(scene.atoms));
      ligand.setStyle({}, { stick: { radius: 0.11, colorscheme: "Jmol" }, sphere: { scale: 0.2, colorscheme: "Jmol" } });
    }
    viewer.setHoverable({}, true, function (atom, shown) {
      if (!atom.label) {
        atom.label = shown.addLabel(atom.elem + " " + (atom.serial + 1), {
          position: atom, fontSize: 12, backgroundColor: "#333333", backgroundOpacity: 0.8 });
      }
    }, function (atom, shown) {
      if (atom.label) { shown.removeLabel(atom.label); delete atom.label; }
    });
  }

  function levelOf(panel, place) {
    return panel.log ? panel.low * Math.pow(panel.high / panel.low, place) : panel.low + place * (panel.high - panel.low);
  }

  function placeOf(panel, level) {
    return panel.log ? Math.log(level / panel.low) / Math.log(panel.high / panel.low)
      : (level - panel.low) / (panel.high - panel.low);
  }

  function addPanel(panel) {
    const section = element(main, "section");
    element(section, "h2", {}, panel.title);
    element(section, "p", {}, panel.words);
    const canvas = element(section, "div", { className: "canvas" });
    const controls = element(section, "div", { className: "controls" });
    const viewer = $3Dmol.createViewer(canvas, { backgroundColor: "white", antialias: true });
    const volumes = panel.channels.map((channel) => volume(panel, channel));
    let shapes = [];
    addAtoms(viewer);

    const row = element(controls, "div", { className: "level" });
    const name = panel.title + ", level of the surface";
    const slider = element(row, "input", { type: "range", min: 0, max: 1, step: "any", value: placeOf(panel, panel.start) });
    slider.setAttribute("aria-label", name);
    const shown = element(row, "output");
    const choices = element(controls, "div");
    function box(text, checked, color) {
      const label = element(choices, "label");
      const input = element(label, "input", { type: "checkbox", checked: checked });
      if (color) element(label, "span", { className: "swatch" }).style.background = color;
      label.appendChild(document.createTextNode(text));
      input.addEventListener("change", draw);
      return input;
    }
    const several = panel.channels.length > 1;
    const channels = panel.channels.map((channel) => (several ? box(channel.name, true, channel.color) : { checked: true }));
    const negative = panel.signed || panel.has_negative ? box("negative", panel.signed, panel.negative) : { checked: false };
    const mesh = box("mesh", false);
    const carved = scene.carved !== null && !panel.signed ? box("near the ligand only", true) : { checked: false };

    function draw() {
      const level = levelOf(panel, Number(slider.value));
      shown.textContent = (panel.signed ? "±" : "") + level.toPrecision(3) + (panel.unit ? " " + panel.unit : "");
      shapes.forEach((shape) => viewer.removeShape(shape));
      shapes = [];
      panel.channels.forEach(function (channel, i) {
        if (!channels[i].checked) return;
        for (const [value, color] of [[level, channel.color], [-level, panel.negative]]) {
          if (value < 0 && !negative.checked) continue;
          const surface = { isoval: value, color: color, opacity: mesh.checked ? 0.9 : panel.signed ? 0.75 : 0.55, smoothness: panel.signed ? 0 : 3, wireframe: mesh.checked };
          if (carved.checked) { surface.coords = scene.atoms; surface.seldist = scene.carved; }
          shapes.push(viewer.addIsosurface(volumes[i], surface));
        }
      });
      viewer.render();
    }

    let waiting = false;
    slider.addEventListener("input", function () {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(function () { waiting = false; draw(); });
    });
    draw();
    if (scene.atoms.length) viewer.zoomTo({ model: scene.around.length ? 1 : 0 });
    else {
      const [low, high] = scene.corners;
      viewer.addBox({ corner: { x: low[0], y: low[1], z: low[2] }, wireframe: true, color: "#888888",
        dimensions: { w: high[0] - low[0], h: high[1] - low[1], d: high[2] - low[2] } });
      viewer.zoomTo();
    }
    const view = viewer.getView();
    view.splice(4, 4, ...scene.turn);
    viewer.setView(view);
    viewer.zoom(scene.around.length ? 1.0 : 0.95);
    viewer.render();
    viewers.push(viewer);
  }

  try {
    scene.panels.forEach(addPanel);
    viewers.forEach((one) => viewers.forEach((other) => { if (one !== other) one.linkViewer(other); }));
    document.body.dataset.drawn = String(viewers.length);
  } catch (error) {
    const trouble = document.getElementById("trouble");
    trouble.hidden = false;
    trouble.textContent = "The surfaces cannot be drawn: " + error + ". A browser with WebGL is needed.";
  }
})();
