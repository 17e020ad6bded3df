"""The main job on a virtual hub, scene by scene, with a verdict for each."""
