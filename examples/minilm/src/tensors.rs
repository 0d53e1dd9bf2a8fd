//! Reads safetensors files: a named tensor of a known type and shape, or a refusal.

use crate::error::Failure;
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

/// A file in memory.
pub struct File {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The tensors of a file.
pub struct Tensors<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not there.
    pub fn read(path: PathBuf) -> Result<Self, Failure> {
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(source) => Err(Failure::File { path, source }),
        }
    }

    /// Its tensors.
    ///
    /// # Errors
    /// If it is not in safetensors format.
    pub fn tensors(&self) -> Result<Tensors<'_>, Failure> {
        let tensors = SafeTensors::deserialize(&self.bytes);
        let tensors = tensors.map_err(|source| Failure::Format { path: self.path.clone(), source })?;
        Ok(Tensors { path: &self.path, tensors })
    }
}

impl Tensors<'_> {
    /// A float32 tensor of this shape, row-major.
    ///
    /// # Errors
    /// If there is none.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Failure> {
        self.words(name, Dtype::F32, shape, f32::from_le_bytes)
    }

    /// An int32 vector of any length.
    ///
    /// # Errors
    /// If there is none.
    pub fn i32(&self, name: &str) -> Result<Vec<i32>, Failure> {
        let shape = self.tensor(name)?.shape().to_vec();
        self.words(name, Dtype::I32, &shape[..shape.len().min(1)], i32::from_le_bytes)
    }

    fn tensor(&self, name: &str) -> Result<safetensors::tensor::TensorView<'_>, Failure> {
        let tensor = self.tensors.tensor(name);
        tensor.map_err(|source| Failure::Format { path: self.path.to_owned(), source })
    }

    fn words<T>(&self, name: &str, dtype: Dtype, shape: &[usize], decode: fn([u8; 4]) -> T) -> Result<Vec<T>, Failure> {
        let tensor = self.tensor(name)?;
        if (tensor.dtype(), tensor.shape()) != (dtype, shape) {
            return Err(Failure::Tensor {
                path: self.path.to_owned(),
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("{dtype:?} {shape:?}"),
            });
        }
        Ok(tensor.data().chunks_exact(4).map(|b| decode([b[0], b[1], b[2], b[3]])).collect())
    }
}
