// What is wrong with a page as it is shown now, as a list of sentences: sideways scrolling, text cut off, too little
// contrast (WCAG 2.2, 1.4.3: 4.5), SVG text outside its viewBox or on other text.
(() => {
  const CONTRAST = 4.5;
  const faults = new Set();
  const root = document.documentElement;

  const rgba = (colour) => {
    const found = colour.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
    if (!found) throw new Error(`cannot judge the colour ${colour}`);
    return found.slice(1).map((part, index) => (part === undefined ? 1 : index < 3 ? part / 255 : +part));
  };
  const over = (above, below) => [0, 1, 2].map((i) => above[i] * above[3] + below[i] * (1 - above[3])).concat(1);
  const luminance = (colour) => {
    const linear = colour.slice(0, 3).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const paper = (element) => {
    if (!element) throw new Error("nothing on the page has an opaque background");
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, paper(element.parentElement));
  };
  // What is painted under a point of an SVG text: the fill of the topmost shape there, else the page.
  const painted = (text, x, y) => {
    for (const element of document.elementsFromPoint(x, y)) {
      if (!(element instanceof SVGGeometryElement)) continue;
      const fill = getComputedStyle(element).fill;
      if (fill !== "none") return over(rgba(fill), paper(text.ownerSVGElement.parentElement));
    }
    return paper(text.ownerSVGElement.parentElement);
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.data.trim();
    const element = walker.currentNode.parentElement;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const boxes = [...range.getClientRects()].filter((box) => box.width && box.height);
    const style = getComputedStyle(element);
    if (!words || !boxes.length || style.visibility !== "visible") continue;
    const hidden = element.closest("thead") && getComputedStyle(element.closest("thead")).clipPath !== "none";
    const label = `'${words.slice(0, 60)}'`;
    const svg = element.closest("svg");
    for (const box of boxes) {
      if (!hidden && (box.left < 0 || box.right > innerWidth + 0.5)) faults.add(`${label} is cut off`);
      const points = [box.left + 1, box.left + box.width / 2, box.right - 1];
      const middle = box.top + box.height / 2;
      const papers = svg ? points.map((x) => painted(element, x, middle)) : [paper(element)];
      const ratio = Math.min(...papers.map((each) => contrast(over(rgba(svg ? style.fill : style.color), each), each)));
      if (ratio < CONTRAST) faults.add(`${label} has a contrast of ${ratio.toFixed(2)}`);
    }
  }

  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.getClientRects().length) continue;
    const whole = svg.viewBox.baseVal;
    const toView = svg.getScreenCTM().inverse();
    const placed = [...svg.querySelectorAll("text")].map((text) => {
      const box = text.getBBox();
      const matrix = toView.multiply(text.getScreenCTM());
      const [from, to] = [
        new DOMPoint(box.x, box.y).matrixTransform(matrix),
        new DOMPoint(box.x + box.width, box.y + box.height).matrixTransform(matrix),
      ];
      return { words: text.textContent.trim(), left: from.x, top: from.y, right: to.x, bottom: to.y };
    });
    const inset = 2; // a box is higher than its letters
    placed.forEach((one, index) => {
      const left = Math.min(one.left, one.right) < whole.x;
      const right = Math.max(one.left, one.right) > whole.x + whole.width;
      const above = Math.min(one.top, one.bottom) < whole.y - inset;
      const below = Math.max(one.top, one.bottom) > whole.y + whole.height + inset;
      if (left || right || above || below) faults.add(`'${one.words}' leaves its viewBox`);
      for (const other of placed.slice(index + 1)) {
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (across > 0 && down > 2 * inset) faults.add(`'${one.words}' lies on '${other.words}'`);
      }
    });
  }

  if (root.scrollWidth > innerWidth) faults.add(`scrolls sideways: ${root.scrollWidth} px in ${innerWidth} px`);
  return [...faults];
})();
