//! Source files as imports see them: which module each file is, and which paths it names outside its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

type ModulePath = Vec<String>;

pub struct Source {
    pub file: String,
    module: ModulePath,
    /// The paths that it names, from the crate's root. Without what it only shows on (`pub use`).
    references: Vec<Vec<String>>,
    /// Names that `use` brings in, and what they stand for.
    brought_in: BTreeMap<String, Vec<String>>,
}

/// All files of a crate. Those that only tests compile have no references.
pub struct House {
    sources: BTreeMap<ModulePath, Source>,
}

impl House {
    pub fn read(folder: &Path) -> Self {
        let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let texts: Vec<(String, String)> = files
            .map(|file| {
                let name = file.strip_prefix(folder).unwrap().display().to_string();
                (name, std::fs::read_to_string(&file).unwrap())
            })
            .collect();
        Self::of(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    pub fn of<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let files: BTreeMap<ModulePath, (&str, &str)> =
            files.into_iter().map(|(name, text)| (module_of(name), (name, text))).collect();
        let modules: BTreeSet<ModulePath> = files.keys().cloned().collect();
        let mut parsed = BTreeMap::new();
        for (module, (name, text)) in &files {
            let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            parsed.insert(module.clone(), (*name, syntax));
        }
        let tests: BTreeSet<ModulePath> =
            parsed.iter().flat_map(|(module, (_, syntax))| test_modules(module, syntax)).collect();
        let sources = parsed.into_iter().map(|(module, (name, syntax))| {
            let mut reader = Reader::new(&module, &modules);
            if !(1..=module.len()).any(|depth| tests.contains(&module[..depth])) {
                reader.visit_file(&syntax);
            }
            let Reader { references, brought_in, .. } = reader;
            (module.clone(), Source { file: name.to_owned(), module, references, brought_in })
        });
        Self { sources: sources.collect() }
    }

    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// The files that this one needs. A file may need the module that it is a part of: the two are one thing to read.
    pub fn imports<'h>(&'h self, source: &'h Source) -> impl Iterator<Item = &'h Source> {
        let needed = source.references.iter().filter_map(|path| self.home_of(path, 8));
        needed.filter(|target| !source.module.starts_with(&target.module))
    }

    /// The file that holds what a path names, wherever it is shown.
    fn home_of(&self, path: &[String], patience: usize) -> Option<&Source> {
        let depth = (0..=path.len()).rev().find(|depth| self.sources.contains_key(&path[..*depth]))?;
        let source = &self.sources[&path[..depth]];
        let elsewhere = path.get(depth).and_then(|name| source.brought_in.get(name));
        match elsewhere {
            Some(other) if patience > 0 => self.home_of(other, patience - 1),
            _ => Some(source),
        }
    }
}

fn module_of(file: &str) -> ModulePath {
    let mut parts: ModulePath = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    match parts.last().map(String::as_str) {
        Some("mod") => drop(parts.pop()),
        Some("lib") if parts.len() == 1 => parts.clear(),
        _ => {}
    }
    parts
}

/// The modules that a file declares for tests alone.
fn test_modules(module: &ModulePath, syntax: &syn::File) -> Vec<ModulePath> {
    let declared = syntax.items.iter().filter_map(|item| match item {
        Item::Mod(child) if is_for_tests(&child.attrs) => Some(child.ident.to_string()),
        _ => None,
    });
    declared.map(|name| module.iter().cloned().chain([name]).collect()).collect()
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

struct Reader<'m> {
    modules: &'m BTreeSet<ModulePath>,
    /// The module that is being read: the file's, and modules written inside it.
    module: ModulePath,
    file_depth: usize,
    references: Vec<Vec<String>>,
    brought_in: BTreeMap<String, Vec<String>>,
}

impl<'m> Reader<'m> {
    fn new(module: &[String], modules: &'m BTreeSet<ModulePath>) -> Self {
        let (references, brought_in) = Default::default();
        Self { modules, module: module.to_vec(), file_depth: module.len(), references, brought_in }
    }

    /// The path from the crate's root. `None`: it leads into another crate, or is a local name.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let below = |base: &[String], rest: &[String]| Some([base, rest].concat());
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => below(&self.module, &path[1..]),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                below(&self.module[..self.module.len().saturating_sub(up)], &path[up..])
            }
            first => {
                let child = [self.module.as_slice(), &[first.to_owned()]].concat();
                self.modules.contains(&child).then(|| [self.module.as_slice(), path].concat())
            }
        }
    }

    fn refer(&mut self, path: &[String]) {
        self.references.extend(self.absolute(path));
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: &[String], shown: bool) {
        let longer = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &longer(path.ident.to_string()), shown),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, prefix, shown)),
            UseTree::Glob(_) if shown => {}
            UseTree::Glob(_) => self.refer(prefix),
            UseTree::Name(name) => self.bring_in(longer(name.ident.to_string()), &name.ident.to_string(), shown),
            UseTree::Rename(name) => self.bring_in(longer(name.ident.to_string()), &name.rename.to_string(), shown),
        }
    }

    fn bring_in(&mut self, mut path: Vec<String>, name: &str, shown: bool) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if self.module.len() == self.file_depth {
            self.brought_in.extend(self.absolute(&path).map(|path| (name.to_owned(), path)));
        }
        if !shown {
            self.refer(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.use_tree(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.refer(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    /// What stands inside a macro is no syntax yet: paths are found by their look, `a :: b :: c`.
    fn visit_macro(&mut self, mac: &'ast Macro) {
        let text = mac.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let parts: Vec<String> = word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            if parts.len() > 1 {
                self.refer(&parts);
            }
        }
        visit::visit_macro(self, mac);
    }
}
