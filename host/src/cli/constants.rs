//! Values for a model's inputs that are to be constants.

use super::Failure;
use super::files::at;
use super::options::Message;
use crate::network::Tensor;
use crate::npy;
use crate::onnx::{self, Import};
use std::collections::HashMap;
use std::path::Path;

/// The option of every command that reads a model.
#[derive(clap::Args)]
pub struct ConstantOptions {
    /// A value for an input that is to be a constant, such as a scale; repeat for several.
    #[arg(long = "constant", value_name = "NAME=X.npy", requires = "model")]
    constants: Vec<String>,
}

impl ConstantOptions {
    /// Imports a model with these constants; `path` is for messages.
    ///
    /// # Errors
    /// Arguments without a name, files that cannot be read, and models that are refused.
    pub fn import(&self, bytes: &[u8], path: &Path) -> Result<Import, Failure> {
        let mut constants = HashMap::new();
        for argument in &self.constants {
            let Some((name, file)) = argument.split_once('=') else {
                return Err(Message(format!("--constant {argument}: expected NAME=FILE.npy")).into());
            };
            if constants.insert(name.to_owned(), Tensor::try_from(npy::read(Path::new(file))?)?).is_some() {
                return Err(Message(format!("--constant {argument}: {name} is given already; give each once")).into());
            }
        }
        Ok(onnx::import_with(bytes, &constants).map_err(at(path.display()))?)
    }

    /// The files it reads, with the argument that names them.
    pub fn inputs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.constants.iter().filter_map(|argument| Some(("--constant", Path::new(argument.split_once('=')?.1))))
    }
}
